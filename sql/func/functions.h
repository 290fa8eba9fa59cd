// Every SQL function, one entry each: sql.md 11.1 to 11.6. CAST is grammar, not a function.
// Included many times: with FN and LOOKUP defined as what the includer wants of an entry; both are
// undefined at the end. A new function is one entry here and one body in its family's file.
//
// FN(name, body, min_args, max_args, flags, signature, help): `max_args` 255 is any number.
// LOOKUP(name, kind, min_args, max_args, flags, signature, help): the host answers (sql.md 11.6).

// sql.md 11.1, numbers: math.c
FN(abs, wr_math_abs, 1, 1, WR_FN_PURE, "abs(x Decimal)", "The number without its sign.")
FN(ceil, wr_math_ceil, 1, 1, WR_FN_PURE, "ceil(x Decimal)", "The number rounded up to an Int.")
FN(floor, wr_math_floor, 1, 1, WR_FN_PURE, "floor(x Decimal)", "The number rounded down to an Int.")
FN(round, wr_math_round, 1, 1, WR_FN_PURE, "round(x Decimal)",
   "The nearest Int; halves go away from zero.")
FN(sign, wr_math_sign, 1, 1, WR_FN_PURE, "sign(x Decimal)", "-1, 0 or 1 as the number is.")
FN(trunc, wr_math_trunc, 2, 2, WR_FN_PURE, "trunc(x Decimal, places Int)",
   "The number cut toward zero to that many places behind the point.")
FN(mod, wr_math_mod, 2, 2, WR_FN_PURE, "mod(x Decimal, y Decimal)",
   "The remainder, with the sign of the dividend.")
FN(remainder, wr_math_mod, 2, 2, WR_FN_PURE, "remainder(x Decimal, y Decimal)",
   "The remainder, with the sign of the dividend; the same as mod.")
FN(power, wr_math_power, 2, 2, WR_FN_PURE, "power(base Decimal, exponent Decimal)",
   "The first argument to the power of the second, in double precision.")
FN(sqrt, wr_math_sqrt, 1, 1, WR_FN_PURE, "sqrt(x Decimal)", "The square root.")
FN(exp, wr_math_exp, 1, 1, WR_FN_PURE, "exp(x Decimal)", "e to the power of the argument.")
FN(ln, wr_math_ln, 1, 1, WR_FN_PURE, "ln(x Decimal)", "The natural logarithm.")
FN(log, wr_math_log, 1, 1, WR_FN_PURE, "log(x Decimal)", "The logarithm to base 10.")
FN(sin, wr_math_sin, 1, 1, WR_FN_PURE, "sin(x Decimal)", "The sine of an angle in radians.")
FN(cos, wr_math_cos, 1, 1, WR_FN_PURE, "cos(x Decimal)", "The cosine of an angle in radians.")
FN(tan, wr_math_tan, 1, 1, WR_FN_PURE, "tan(x Decimal)", "The tangent of an angle in radians.")
FN(asin, wr_math_asin, 1, 1, WR_FN_PURE, "asin(x Decimal)", "The inverse sine, in radians.")
FN(acos, wr_math_acos, 1, 1, WR_FN_PURE, "acos(x Decimal)", "The inverse cosine, in radians.")
FN(atan, wr_math_atan, 1, 1, WR_FN_PURE, "atan(x Decimal)", "The inverse tangent, in radians.")
FN(atan2, wr_math_atan2, 2, 2, WR_FN_PURE, "atan2(y Decimal, x Decimal)",
   "The angle of the point (second, first) to the positive x axis, in radians.")
FN(sinh, wr_math_sinh, 1, 1, WR_FN_PURE, "sinh(x Decimal)", "The hyperbolic sine.")
FN(cosh, wr_math_cosh, 1, 1, WR_FN_PURE, "cosh(x Decimal)", "The hyperbolic cosine.")
FN(tanh, wr_math_tanh, 1, 1, WR_FN_PURE, "tanh(x Decimal)", "The hyperbolic tangent.")
FN(bitand, wr_math_bitand, 2, 2, WR_FN_PURE, "bitand(x Int, y Int)", "The bitwise AND of two Ints.")
FN(bitor, wr_math_bitor, 2, 2, WR_FN_PURE, "bitor(x Int, y Int)", "The bitwise OR of two Ints.")
FN(bitxor, wr_math_bitxor, 2, 2, WR_FN_PURE, "bitxor(x Int, y Int)",
   "The bitwise exclusive OR of two Ints.")
FN(bitnot, wr_math_bitnot, 1, 1, WR_FN_PURE, "bitnot(x Int)", "The bitwise complement of an Int.")
FN(nanvl, wr_math_nanvl, 2, 2, WR_FN_PURE, "nanvl(value Any, instead Any)",
   "The first argument, or the second when the first is Undefined or Null.")
FN(rand, wr_math_rand, 0, 0, 0, "rand()", "A random Decimal from 0 up to, not including, 1.")

// sql.md 11.2, strings: string.c, regex.c, digest.c
FN(concat, wr_string_concat, 0, 255, WR_FN_PURE, "concat(value Any, ...)",
   "The arguments joined: into an Array when one is an Array, else into a String.")
FN(length, wr_string_length, 1, 1, WR_FN_SINCE16 | WR_FN_PURE, "length(text String)",
   "The number of Unicode characters.")
FN(numbytes, wr_string_numbytes, 1, 1, WR_FN_SINCE16 | WR_FN_PURE, "numbytes(text String)",
   "The number of bytes of the UTF-8 form.")
FN(indexof, wr_string_indexof, 2, 2, WR_FN_SINCE16 | WR_FN_PURE,
   "indexof(text String, part String)",
   "The 0-based index of the second argument's first occurrence in the first, -1 for none.")
FN(lower, wr_string_lower, 1, 1, WR_FN_PURE, "lower(text String)", "The text in lower case.")
FN(upper, wr_string_upper, 1, 1, WR_FN_PURE, "upper(text String)", "The text in upper case.")
FN(ltrim, wr_string_ltrim, 1, 1, WR_FN_PURE, "ltrim(text String)",
   "The text without leading blanks.")
FN(rtrim, wr_string_rtrim, 1, 1, WR_FN_PURE, "rtrim(text String)",
   "The text without trailing blanks.")
FN(trim, wr_string_trim, 1, 1, WR_FN_PURE, "trim(text String)",
   "The text without leading and trailing blanks.")
FN(lpad, wr_string_lpad, 2, 2, WR_FN_PURE, "lpad(text String, spaces Int)",
   "The text with that many spaces put before it; not a target width.")
FN(rpad, wr_string_rpad, 2, 2, WR_FN_PURE, "rpad(text String, spaces Int)",
   "The text with that many spaces put behind it; not a target width.")
FN(startswith, wr_string_startswith, 2, 2, WR_FN_PURE, "startswith(text String, prefix String)",
   "Whether the first argument begins with the second.")
FN(endswith, wr_string_endswith, 2, 2, WR_FN_PURE, "endswith(text String, suffix String)",
   "Whether the first argument ends with the second.")
FN(replace, wr_string_replace, 3, 3, WR_FN_PURE, "replace(text String, part String, with String)",
   "The first argument with every occurrence of the second replaced by the third.")
FN(substring, wr_string_substring, 2, 3, WR_FN_PURE,
   "substring(text String, start Int [, end Int])",
   "The characters from the first index up to, not including, the second; 0-based.")
FN(chr, wr_string_chr, 1, 1, WR_FN_PURE, "chr(code Int)", "The ASCII character of that number.")
FN(regexp_matches, wr_regex_matches, 2, 2, WR_FN_PURE, "regexp_matches(text String, regex String)",
   "Whether the regular expression matches anywhere in the text.")
FN(regexp_substr, wr_regex_substr, 2, 2, WR_FN_PURE, "regexp_substr(text String, regex String)",
   "The first match of the regular expression in the text.")
FN(regexp_replace, wr_regex_replace, 3, 3, WR_FN_PURE,
   "regexp_replace(text String, regex String, with String)",
   "The text with every match of the regular expression replaced; $1 is the first group.")
FN(md2, wr_digest_md2, 1, 1, WR_FN_PURE, "md2(text String)", "The MD2 hash, lower-case hex.")
FN(md5, wr_digest_md5, 1, 1, WR_FN_PURE, "md5(text String)", "The MD5 hash, lower-case hex.")
FN(sha1, wr_digest_sha1, 1, 1, WR_FN_PURE, "sha1(text String)", "The SHA-1 hash, lower-case hex.")
FN(sha224, wr_digest_sha224, 1, 1, WR_FN_PURE, "sha224(text String)",
   "The SHA-224 hash, lower-case hex.")
FN(sha256, wr_digest_sha256, 1, 1, WR_FN_PURE, "sha256(text String)",
   "The SHA-256 hash, lower-case hex.")
FN(sha384, wr_digest_sha384, 1, 1, WR_FN_PURE, "sha384(text String)",
   "The SHA-384 hash, lower-case hex.")
FN(sha512, wr_digest_sha512, 1, 1, WR_FN_PURE, "sha512(text String)",
   "The SHA-512 hash, lower-case hex.")

// sql.md 11.3, structure and tests: array.c, encode.c
FN(get, wr_array_get, 2, 2, WR_FN_PURE,
   "get(array Array, index Int) | get(text String, index Int) | get(object Object, key String)",
   "The item, character or member at a 0-based index or of a name.")
FN(isNull, wr_array_is_null, 1, 1, WR_FN_PURE, "isNull(value Any)", "Whether the argument is Null.")
FN(isUndefined, wr_array_is_undefined, 1, 1, WR_FN_SINCE16 | WR_FN_PURE, "isUndefined(value Any)",
   "Whether the argument is Undefined.")
FN(get_or_default, wr_array_get_or_default, 1, 2, WR_FN_SINCE16 | WR_FN_PURE,
   "get_or_default(value Any [, instead Any])",
   "The first argument, or the second when the first is Undefined, Null or fails.")
FN(transform, wr_array_transform, 3, 3, WR_FN_SINCE16 | WR_FN_PURE,
   "transform('enrichArray', object Object, array Array)",
   "The Array's Objects, each with the members of the Object added.")
FN(encode, wr_encode_encode, 2, 2, WR_FN_SINCE16 | WR_FN_PURE | WR_FN_PAYLOAD,
   "encode(value String, 'base64')", "The base64 text of the argument, or of the payload for *.")
// Not PURE: its Protobuf form fails at run time, also on constants.
FN(decode, wr_encode_decode, 2, 6, WR_FN_SINCE16 | WR_FN_PAYLOAD,
   "decode(text String, 'base64') | decode(data Any, 'proto', bucket String, key String, file "
   "String, message String)",
   "The value or text that the base64 text holds; Null when it is not base64 or not UTF-8.")

// sql.md 11.4, time: time.c. Zones come from the host, so the last two are not PURE.
FN(timestamp, wr_time_timestamp, 0, 0, WR_FN_MESSAGE, "timestamp()",
   "Milliseconds since the epoch as the engine saw the message.")
FN(parse_time, wr_time_parse_time, 2, 3, WR_FN_SINCE16,
   "parse_time(pattern String, ms Int [, zone String])",
   "Milliseconds since the epoch as text: Joda-Time pattern, time, time zone.")
FN(time_to_epoch, wr_time_to_epoch, 2, 2, WR_FN_SINCE16,
   "time_to_epoch(text String, pattern String)",
   "Milliseconds since the epoch of a text, read with a DateTimeFormatter pattern.")

// sql.md 11.5, about the message: mqtt.c
FN(topic, wr_mqtt_topic, 0, 1, WR_FN_MESSAGE, "topic([level Int])",
   "The topic, or its level of that 1-based number.")
FN(clientid, wr_mqtt_clientid, 0, 0, WR_FN_MESSAGE, "clientid()",
   "The publisher's MQTT client id, n/a when the message did not come over MQTT.")
FN(principal, wr_mqtt_principal, 0, 0, WR_FN_MESSAGE, "principal()",
   "The publisher's certificate fingerprint or IAM id.")
FN(traceid, wr_mqtt_traceid, 0, 0, WR_FN_MESSAGE, "traceid()", "The message's trace id.")
FN(sourceip, wr_mqtt_sourceip, 0, 0, WR_FN_SINCE16 | WR_FN_MESSAGE, "sourceip()",
   "The publisher's IP address.")
FN(accountid, wr_mqtt_accountid, 0, 0, WR_FN_MESSAGE, "accountid()", "The rule's account id.")
FN(sql_version, wr_mqtt_sql_version, 0, 0, WR_FN_MESSAGE, "sql_version()",
   "The rule's SQL version.")
FN(newuuid, wr_mqtt_newuuid, 0, 0, 0, "newuuid()", "A random UUID.")
FN(get_mqtt_property, wr_mqtt_get_mqtt_property, 1, 1, WR_FN_SINCE16 | WR_FN_MESSAGE,
   "get_mqtt_property(name String)",
   "The MQTT 5 property content_type, format_indicator, response_topic or correlation_data.")
FN(get_user_properties, wr_mqtt_get_user_properties, 0, 1, WR_FN_SINCE16 | WR_FN_MESSAGE,
   "get_user_properties([key String])",
   "All values of an MQTT 5 user property, or all properties as one-member Objects.")

// sql.md 11.6, look-ups
LOOKUP(aws_lambda, WR_LOOKUP_LAMBDA, 2, 2, 0, "aws_lambda(function String, input Any)",
       "The JSON that a Lambda function returns.")
LOOKUP(get_dynamodb, WR_LOOKUP_DYNAMODB, 4, 6, WR_FN_SINCE16,
       "get_dynamodb(table String, key String, value Any [, sortKey String, sortValue Any], role "
       "String)",
       "The DynamoDB item with that key.")
LOOKUP(get_thing_shadow, WR_LOOKUP_SHADOW, 2, 3, WR_FN_SINCE16,
       "get_thing_shadow(thing String [, shadow String], role String)",
       "The shadow document of a thing.")
LOOKUP(get_secret, WR_LOOKUP_SECRET, 3, 4, 0,
       "get_secret(id String, type String [, member String], role String)",
       "A secret's value, or one member of it.")
LOOKUP(get_registry_data, WR_LOOKUP_REGISTRY, 3, 3, WR_FN_SINCE16,
       "get_registry_data(api String, thing String, role String)",
       "What the registry says about a thing.")
LOOKUP(machinelearning_predict, WR_LOOKUP_ML, 3, 3, 0,
       "machinelearning_predict(model String, role String, record Object)",
       "The prediction of a model.")

#undef FN
#undef LOOKUP
