// WebSockets. See core/lazy.js.

export { checkReturnable, release, socketClosed, socketMessage } from "../websocket/socket.js";
export { WebSocket, WebSocketPair, newFetchedWebSocket, socketOf } from "../websocket/websocket.js";
