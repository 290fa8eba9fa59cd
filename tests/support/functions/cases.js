// The function of test_lambda.c under npm's aws-lambda-ric: does what its event says.
"use strict";

let served = 0;

exports.handler = async (event, context) => {
  served++;
  console.log("a line from node");
  if (event.do === "throw") {
    throw new RangeError("no such bin");
  }
  if (event.do === "exit") {
    process.exit(5);
  }
  if (event.do === "hang") {
    await new Promise((resolve) => setTimeout(resolve, 60000));
  }
  return { served, event, id: context.awsRequestId, arn: context.invokedFunctionArn };
};
