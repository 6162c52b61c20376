// SPDX-License-Identifier: MIT
//
// Members of rooms with npm's ws: the part of rooms.py that is not Python.
// stdin: one line of JSON {members: [{id, url}], count, total, window}, later a line `go`.
// stdout: `open` when all are connected, then one line of JSON {id: [what was received]}.
'use strict'
const readline = require('readline')
const WebSocket = require('ws')

// The same in rooms.py and in its page: even messages are text, odd ones binary that is not UTF-8.
function compose(id, i) {
    if (i % 2 === 0)
        return `${id}:${i}:é`
    return Buffer.concat([Buffer.from(`${id}:${i}:`), Buffer.from([0xff, 0x00])])
}

function describe(data, isBinary) {
    return (isBinary ? 'B' : 'T') + data.toString(isBinary ? 'latin1' : 'utf8')
}

function member({ id, url }, { count, total, window }, result) {
    const socket = new WebSocket(url)
    const received = result[id] = []
    let sent = 0, own = 0, done
    const finished = new Promise(resolve => { done = resolve })
    // No more than a window of own messages on their way: nobody is to become a slow client.
    const send = () => {
        while (sent < count && sent - own < window)
            socket.send(compose(id, sent++))
    }
    socket.on('message', (data, isBinary) => {
        const text = describe(data, isBinary)
        received.push(text)
        if (text.startsWith(`T${id}:`) || text.startsWith(`B${id}:`)) {
            own++
            send()
        }
        if (received.length === total)
            done()
    })
    socket.on('close', code => { received.push(`closed ${code}`); done() })
    socket.on('error', error => { received.push(`failed ${error.message}`); done() })
    return { socket, send, finished, opened: new Promise(resolve => socket.on('open', resolve)) }
}

async function main() {
    const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()
    const plan = JSON.parse((await lines.next()).value)
    const result = {}
    const members = plan.members.map(m => member(m, plan, result))
    await Promise.all(members.map(m => m.opened))
    console.log('open')
    await lines.next()
    members.forEach(m => m.send())
    await Promise.all(members.map(m => m.finished))
    await new Promise(resolve => setTimeout(resolve, 300)) // for what should not come
    process.stdout.write(JSON.stringify(result) + '\n', () => process.exit(0))
}

main()
