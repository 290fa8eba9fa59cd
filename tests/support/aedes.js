// A second kind of broker (MQTT 3.1.1, in memory) for tests/e2e/test_aedes.py: aedes on a loopback port.
// It says on stdout, a JSON object a line: {"listening": port}, {"connected": client},
// {"subscribed": [filter], "client": id}, {"unsubscribed": [filter], "client": id},
// {"acknowledged": topic, "client": id}. It ends with its standard input, so that it never outlives the
// test.
//
//     node aedes.js PORT
'use strict'

const net = require('node:net')

function say (what) {
  process.stdout.write(JSON.stringify(what) + '\n')
}

async function main () {
  const { Aedes } = await import('aedes') // an ES module: Node 18 cannot require() it
  const port = Number(process.argv[2])
  const broker = await Aedes.createBroker()
  const server = net.createServer(broker.handle)
  broker.on('clientReady', (client) => say({ connected: client.id }))
  broker.on('subscribe', (list, client) => {
    say({ subscribed: list.map((s) => s.topic), client: client.id })
  })
  broker.on('unsubscribe', (list, client) => {
    say({ unsubscribed: list, client: client.id })
  })
  broker.on('ack', (packet, client) => {
    say({ acknowledged: packet ? packet.topic : null, client: client.id })
  })
  server.on('error', (error) => {
    console.error(`aedes: ${error.message}`)
    process.exit(1)
  })
  server.listen(port, '127.0.0.1', () => say({ listening: server.address().port }))
  process.stdin.on('end', () => process.exit(0)).resume()
}

main()
