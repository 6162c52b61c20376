// SPDX-License-Identifier: MIT
//
// What ringcast does, with npm's ws: /room/NAME and /echo.  node ws_server.js PORT
'use strict'
const { WebSocket, WebSocketServer } = require('ws')

const rooms = new Map()

function join(name, socket) {
    const members = rooms.get(name) || new Set()
    rooms.set(name, members.add(socket))
    socket.on('close', () => members.delete(socket))
    socket.on('message', (data, isBinary) => {
        for (const member of members)
            if (member.readyState === WebSocket.OPEN)
                member.send(data, { binary: isBinary })
    })
}

const server = new WebSocketServer({
    host: '127.0.0.1',
    port: Number(process.argv[2]),
    backlog: 4096,
    perMessageDeflate: false,
    clientTracking: false,
})
server.on('connection', (socket, request) => {
    socket.on('error', () => socket.terminate())
    if (request.url.startsWith('/room/'))
        join(request.url.slice(6), socket)
    else
        socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
})
