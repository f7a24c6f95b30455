// The WebSockets of a ScriptIsolate: messages put together and delivered, messages cut into pieces and sent as credit
// allows.
//
// Memory: everything that waits here counts as the isolate's (`waitingBytes_`). A client decides how much arrives, so
// that side is bounded without the script's doing: all sockets of an isolate share kInboundBytesMax of credit, half of
// the memory limit is all that unfinished messages may take, and a socket whose script cannot get its answers out is
// given no credit, which stops the reading of its peer.
#include <algorithm>

#include "base/text.h"
#include "engine/script_isolate.h"

namespace weir::engine {

namespace {

constexpr size_t kInboundBytesMax = 32u << 20;  // credit of all sockets of an isolate
constexpr size_t kWindowBytesMin = 4u << 10;    // of one, however many there are
constexpr size_t kBacklogBytesMax = 1u << 20;   // of one invocation: above this its sockets get no credit
constexpr size_t kBacklogShare = 8;             // nor do any while the isolate's is above 1/8 of its memory
constexpr size_t kPartialShare = 2;             // unfinished messages: 1/2 of the isolate's memory
constexpr size_t kMessageOverheadBytes = 64;
constexpr int kHeldPerTurn = 32;
constexpr uint16_t kLostCode = 1006;
constexpr uint16_t kTryAgainLater = 1013;

// What a script is told; the first is the platform's text (reference/state-bindings.md §2.5).
constexpr std::string_view kLostReason = "WebSocket disconnected without sending Close frame.";
constexpr std::string_view kNoRoomReason = "The message is too large for the memory that is left.";

}  // namespace

Socket* ScriptIsolate::findSocket(Invocation& invocation, wire::StreamId id) {
  const auto at = invocation.sockets.find(id);
  return at == invocation.sockets.end() ? nullptr : &at->second;
}

Socket& ScriptIsolate::openSocket(Invocation& invocation, wire::StreamId id) {
  ++openSockets_;
  return invocation.sockets[id];
}

void ScriptIsolate::respondWithSocket(Invocation& invocation, const wire::Respond& head) {
  environment_.effects.emit(invocation.id.loop(), head);
  if (head.bodyKind == wire::BodyKind::kPipe) {
    // From here on the platform joins the two; nothing of either comes here again.
    if (Socket* joined = findSocket(invocation, head.pipeFrom)) {
      forgetSocket(invocation, *joined);
      invocation.sockets.erase(head.pipeFrom);
    }
    return;
  }
  Socket& socket = openSocket(invocation, 0);
  socket.counted = true;
  ++invocation.pending;
}

// Gives back what the socket counts for. The caller removes it.
void ScriptIsolate::forgetSocket(Invocation& invocation, Socket& socket) {
  --openSockets_;
  partialBytes_ -= socket.partial.size();
  waitingBytes_ -= socket.partial.size() + socket.waitingBytes;
  invocation.socketBacklog -= socket.waitingBytes;
  if (socket.counted) --invocation.pending;
}

void ScriptIsolate::forgetSockets(Invocation& invocation) {
  for (auto& [id, socket] : invocation.sockets) forgetSocket(invocation, socket);
  invocation.sockets.clear();
}

bool ScriptIsolate::socketsDrained(const Invocation& invocation) const {
  return std::all_of(invocation.sockets.begin(), invocation.sockets.end(),
                     [](const auto& entry) { return entry.second.over || entry.second.waiting.empty(); });
}

// ---- in ----

void ScriptIsolate::grant(Invocation& invocation, wire::StreamId id, Socket& socket) {
  if (!socket.accepted || socket.peerClosed) return;
  if (invocation.socketBacklog > kBacklogBytesMax ||
      waitingBytes_ > heap_->limitBytes() / kBacklogShare + partialBytes_) {
    if (!std::exchange(socket.held, true)) held_.push_back({invocation.seq, id});
    return;
  }
  const auto window = static_cast<int64_t>(std::clamp<size_t>(kInboundBytesMax / std::max<size_t>(openSockets_, 1),
                                                              kWindowBytesMin, wire::Bounds::kSocketWindowBytes));
  if (socket.credit > window - window / 4) return;
  const auto more = static_cast<uint32_t>(window - socket.credit);
  socket.credit = window;
  environment_.effects.emit(invocation.id.loop(), wire::SocketCredit{invocation.id, id, more});
}

void ScriptIsolate::grantHeld() {
  for (int i = 0; i < kHeldPerTurn && !held_.empty(); ++i) {
    const LocalDelivery next = held_.front();
    held_.pop_front();
    Invocation* invocation = find(next.seq);
    Socket* socket = invocation != nullptr ? findSocket(*invocation, next.stream) : nullptr;
    if (socket == nullptr || !std::exchange(socket->held, false)) continue;
    grant(*invocation, next.stream, *socket);
    if (socket->held) return;  // nothing has changed yet
  }
}

void ScriptIsolate::socketAccept(Invocation& invocation, wire::StreamId id) {
  Socket* socket = findSocket(invocation, id);
  if (socket == nullptr || socket->accepted) return;
  socket->accepted = true;
  touch(invocation);
  if (!socket->counted && !socket->peerClosed) {
    socket->counted = true;
    ++invocation.pending;
  }
  grant(invocation, id, *socket);
}

bool ScriptIsolate::on(const wire::SocketPiece& event) {
  Invocation* invocation = byId(event.invocation);
  Socket* socket = invocation != nullptr ? findSocket(*invocation, event.socket) : nullptr;
  if (socket == nullptr || socket->peerClosed) return false;
  touch(*invocation);
  socket->credit -= wire::socketPieceCost(event.bytes.size());
  const size_t size = socket->partial.size() + event.bytes.size();
  if (size > wire::Bounds::kSocketMessageBytesMax ||
      (!event.last && partialBytes_ + event.bytes.size() > heap_->limitBytes() / kPartialShare)) {
    loseSocket(*invocation, event.socket, *socket, kTryAgainLater, kNoRoomReason);
    return true;
  }
  if (!event.last) {
    socket->partial.insert(socket->partial.end(), event.bytes.begin(), event.bytes.end());
    partialBytes_ += event.bytes.size();
    waitingBytes_ += event.bytes.size();
    grant(*invocation, event.socket, *socket);
    return true;
  }
  std::vector<uint8_t> whole;
  wire::Bytes bytes = event.bytes;
  if (!socket->partial.empty()) {
    partialBytes_ -= socket->partial.size();
    waitingBytes_ -= socket->partial.size();
    whole = std::exchange(socket->partial, {});
    whole.insert(whole.end(), event.bytes.begin(), event.bytes.end());
    bytes = whole;
  }
  const uint32_t seq = invocation->seq;
  v8::Local<v8::Value> data;
  if (event.kind == wire::SocketMessageKind::kText) {
    v8::Local<v8::String> text;
    if (v8::String::NewFromUtf8(heap_->isolate(), reinterpret_cast<const char*>(bytes.data()),
                                v8::NewStringType::kNormal, static_cast<int>(bytes.size()))
            .ToLocal(&text)) {
      data = text;
    }
  } else {
    data = buffer(bytes);
  }
  whole = {};
  if (data.IsEmpty()) {
    loseSocket(*invocation, event.socket, *socket, kTryAgainLater, kNoRoomReason);
    return true;
  }
  v8::Local<v8::Value> arguments[] = {number(seq), number(event.socket), data};
  call(kSocketMessage, 3, arguments);
  invocation = find(seq);
  socket = invocation != nullptr ? findSocket(*invocation, event.socket) : nullptr;
  if (socket != nullptr) grant(*invocation, event.socket, *socket);
  return true;
}

void ScriptIsolate::tellClosed(Invocation& invocation, wire::StreamId id, wire::SocketEnd end, uint16_t code,
                               std::string_view reason) {
  v8::Local<v8::String> text;
  if (!v8::String::NewFromUtf8(heap_->isolate(), reason.data(), v8::NewStringType::kNormal,
                               static_cast<int>(reason.size()))
           .ToLocal(&text)) {
    text = v8::String::Empty(heap_->isolate());
  }
  v8::Local<v8::Value> arguments[] = {number(invocation.seq), number(id), number(static_cast<double>(end)),
                                      number(code), text};
  call(kSocketClosed, 5, arguments);
}

// The connection cannot go on for a reason of ours.
void ScriptIsolate::loseSocket(Invocation& invocation, wire::StreamId id, Socket& socket, uint16_t code,
                               std::string_view reason) {
  socketAbort(invocation, id, code);
  tellClosed(invocation, id, wire::SocketEnd::kBroken, kLostCode, reason);
}

bool ScriptIsolate::on(const wire::SocketClose& event) {
  Invocation* invocation = byId(event.invocation);
  Socket* socket = invocation != nullptr ? findSocket(*invocation, event.socket) : nullptr;
  if (socket == nullptr) return false;
  const bool lost = event.end != wire::SocketEnd::kClosed;
  if (socket->peerClosed && (!lost || socket->over)) return false;
  touch(*invocation);
  socket->peerClosed = true;
  partialBytes_ -= socket->partial.size();
  waitingBytes_ -= socket->partial.size();
  socket->partial = {};
  if (std::exchange(socket->counted, false)) --invocation->pending;
  if (lost) stopSending(*invocation, *socket);
  tellClosed(*invocation, event.socket, event.end, event.code,
             event.end == wire::SocketEnd::kLost ? kLostReason : event.reason);
  return true;
}

// ---- out ----

void ScriptIsolate::stopSending(Invocation& invocation, Socket& socket) {
  waitingBytes_ -= socket.waitingBytes;
  invocation.socketBacklog -= socket.waitingBytes;
  socket.waiting.clear();
  socket.waitingBytes = socket.sentBytes = 0;
  socket.over = true;
}

// Sends pieces of one message while there is credit; how many bytes of it have gone then.
size_t ScriptIsolate::sendPieces(Invocation& invocation, wire::StreamId id, Socket& socket,
                                 wire::SocketMessageKind kind, wire::Bytes bytes, size_t from, bool& whole) {
  whole = false;
  while (socket.sendCredit > 0 && !whole) {
    wire::SocketPiece piece;
    piece.invocation = invocation.id;
    piece.socket = id;
    piece.kind = kind;
    piece.bytes = bytes.subspan(from, std::min<size_t>(bytes.size() - from, wire::Bounds::kChunkBytesMax));
    from += piece.bytes.size();
    whole = piece.last = from == bytes.size();
    socket.sendCredit -= wire::socketPieceCost(piece.bytes.size());
    environment_.effects.emitPiece(piece);
  }
  return from;
}

void ScriptIsolate::pumpSocket(Invocation& invocation, wire::StreamId id, Socket& socket) {
  if (socket.over) return;
  while (!socket.waiting.empty()) {
    const Socket::Message& message = socket.waiting.front();
    bool whole = false;
    const size_t before = socket.sentBytes;
    socket.sentBytes = sendPieces(invocation, id, socket, message.kind, message.bytes, before, whole);
    size_t freed = socket.sentBytes - before;
    if (whole) {
      freed += kMessageOverheadBytes;
      socket.waiting.pop_front();
      socket.sentBytes = 0;
    }
    socket.waitingBytes -= freed;
    invocation.socketBacklog -= freed;
    waitingBytes_ -= freed;
    if (!whole) return;
  }
  if (!socket.closing) return;
  socket.over = true;
  wire::SocketClose close;
  close.invocation = invocation.id;
  close.socket = id;
  close.code = socket.closeCode;
  close.reason = socket.closeReason;
  environment_.effects.emit(invocation.id.loop(), close);
}

void ScriptIsolate::socketSend(Invocation& invocation, wire::StreamId id, wire::SocketMessageKind kind,
                               wire::Bytes bytes) {
  Socket* socket = findSocket(invocation, id);
  if (socket == nullptr || socket->over || socket->closing) return;
  touch(invocation);
  size_t sent = 0;
  if (socket->waiting.empty()) {
    bool whole = false;
    sent = sendPieces(invocation, id, *socket, kind, bytes, 0, whole);
    if (whole) return;
    socket->sentBytes = sent;
  }
  socket->waiting.push_back({kind, {bytes.begin(), bytes.end()}});
  const size_t kept = bytes.size() - sent + kMessageOverheadBytes;
  socket->waitingBytes += kept;
  invocation.socketBacklog += kept;
  waitingBytes_ += kept;
  if (waitingBytes_ > heap_->limitBytes()) killForMemory();
}

void ScriptIsolate::socketClose(Invocation& invocation, wire::StreamId id, uint16_t code, std::string_view reason) {
  Socket* socket = findSocket(invocation, id);
  if (socket == nullptr || socket->over || socket->closing) return;
  touch(invocation);
  socket->closing = true;
  socket->closeCode = code;
  socket->closeReason = base::cutText(reason, wire::Bounds::kSocketReasonBytesMax);
  pumpSocket(invocation, id, *socket);
}

void ScriptIsolate::socketAbort(Invocation& invocation, wire::StreamId id, uint16_t code) {
  Socket* socket = findSocket(invocation, id);
  if (socket == nullptr) return;
  touch(invocation);
  stopSending(invocation, *socket);
  socket->peerClosed = true;
  partialBytes_ -= socket->partial.size();
  waitingBytes_ -= socket->partial.size();
  socket->partial = {};
  if (std::exchange(socket->counted, false)) --invocation.pending;
  wire::SocketClose close;
  close.invocation = invocation.id;
  close.socket = id;
  close.end = wire::SocketEnd::kLost;
  close.code = code;
  environment_.effects.emit(invocation.id.loop(), close);
}

bool ScriptIsolate::on(const wire::SocketCredit& event) {
  Invocation* invocation = byId(event.invocation);
  Socket* socket = invocation != nullptr ? findSocket(*invocation, event.socket) : nullptr;
  if (socket == nullptr || socket->over) return false;
  touch(*invocation);
  socket->sendCredit += event.bytes;
  pumpSocket(*invocation, event.socket, *socket);
  return true;
}

}  // namespace weir::engine
