#include "net/stream.h"

#include <openssl/err.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace weir::net {
namespace {

// One TLS record; smaller writes of several parts are joined so that they become one record and one send.
constexpr size_t kTlsRecordBytes = 16 * 1024;
constexpr size_t kIovecsMax = 64;
constexpr size_t kPendingKeptBytes = 64 * 1024;  // capacity an empty pending buffer may keep

size_t totalSize(std::span<const iovec> parts) {
  size_t total = 0;
  for (const iovec& part : parts) total += part.iov_len;
  return total;
}

StreamErrorKind connectErrorKind(int code) {
  const bool unreachable = code == ENETUNREACH || code == EHOSTUNREACH || code == ENETDOWN || code == EHOSTDOWN;
  return unreachable ? StreamErrorKind::kUnreachable : StreamErrorKind::kConnect;
}

}  // namespace

Stream::Stream(Loop& loop, Fd fd, StreamHandler& handler, const StreamLimits& limits, State state)
    : loop_(loop), handler_(&handler), limits_(limits), fd_(std::move(fd)), state_(state), deferred_(loop, [this] {
        onDeferred();
      }) {}

std::unique_ptr<Stream> Stream::accept(Loop& loop, Fd socket, StreamHandler& handler, const StreamLimits& limits,
                                       const TlsServerContext* tls) {
  std::unique_ptr<Stream> stream(
      new Stream(loop, std::move(socket), handler, limits, tls ? State::kHandshaking : State::kOpen));
  stream->reading_ = true;
  if (tls) {
    stream->ssl_ = tls->makeSession(stream->fd_.get());
    CHECK(stream->ssl_ != nullptr);
    Stream* raw = stream.get();
    stream->connectTimer_ = std::make_unique<Timer>(loop.timers(), [raw] { raw->onConnectTimeout(); });
    stream->connectTimer_->arm(loop.now() + limits.connectTimeout);
  }
  stream->updateInterest();
  return stream;
}

std::unique_ptr<Stream> Stream::connect(Loop& loop, const Address& address, StreamHandler& handler,
                                        const StreamLimits& limits, const TlsClientContext* tls,
                                        const std::string& host) {
  auto fd = startConnect(address);
  std::unique_ptr<Stream> stream(
      new Stream(loop, fd.ok() ? std::move(*fd) : Fd(), handler, limits, State::kConnecting));
  if (!fd.ok()) {
    stream->state_ = State::kBroken;
    stream->brokenBy_ = {connectErrorKind(fd.error().code), fd.error().message};
    stream->deferred_.schedule();
    return stream;
  }
  if (tls) {
    stream->ssl_ = tls->makeSession(stream->fd_.get(), host);
    if (!stream->ssl_) {
      stream->state_ = State::kBroken;
      stream->brokenBy_ = {StreamErrorKind::kTls, "'" + host + "' cannot be a TLS server name"};
      stream->deferred_.schedule();
      return stream;
    }
  }
  Stream* raw = stream.get();
  stream->connectTimer_ = std::make_unique<Timer>(loop.timers(), [raw] { raw->onConnectTimeout(); });
  stream->connectTimer_->arm(loop.now() + limits.connectTimeout);
  stream->updateInterest();
  return stream;
}

Stream::~Stream() {
  if (watched_) loop_.unwatch(fd_.get(), *this);
  if (ssl_) {
    if (state_ == State::kOpen && !finishSent_ && pendingBytes() == 0) SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
}

void Stream::updateInterest() {
  uint32_t wanted = 0;
  switch (state_) {
    case State::kConnecting: wanted = EPOLLOUT; break;
    case State::kHandshaking: wanted = EPOLLIN | (SSL_want_write(ssl_.get()) ? EPOLLOUT : 0u); break;
    case State::kOpen:
      if (restOnly_) return unwatch();
      if (wantReadable_ || tlsWriteWantsRead_) wanted |= EPOLLIN;
      if (!peerFinished_) wanted |= EPOLLRDHUP;
      if ((pendingBytes() > 0 && !tlsWriteWantsRead_) || tlsReadWantsWrite_) wanted |= EPOLLOUT;
      break;
    case State::kBroken: return unwatch();
  }
  if (!watched_) {
    loop_.watch(fd_.get(), wanted, *this);
    watched_ = true;
  } else if (wanted != interest_) {
    loop_.rewatch(fd_.get(), wanted, *this);
  }
  interest_ = wanted;
}

void Stream::unwatch() {
  if (watched_) loop_.unwatch(fd_.get(), *this);
  watched_ = false;
}

void Stream::fail(StreamErrorKind kind, std::string message) {
  state_ = State::kBroken;
  updateInterest();
  connectTimer_.reset();
  brokenBy_ = {kind, std::move(message)};
  handler_->onError(brokenBy_);  // may destroy the stream
}

void Stream::onConnectTimeout() {
  const bool handshaking = state_ == State::kHandshaking;
  state_ = State::kBroken;
  updateInterest();
  brokenBy_ = {StreamErrorKind::kTimeout, handshaking ? "TLS handshake timed out" : "connect timed out"};
  deferred_.schedule();  // not from here: failing destroys the timer whose callback this is
}

void Stream::onDeferred() {
  DropFlag::Watch watch(dropFlag_);
  // SSL_pending and not SSL_has_pending: the latter counts a record that is only half here, which would be polled for.
  if (state_ == State::kBroken) {
    handler_->onError(brokenBy_);
  } else if (state_ == State::kOpen && reading_) {
    handler_->onReadable();
    if (!watch.dropped() && moreToRead()) deferred_.schedule();
  }
}

// There may be bytes of which epoll does not tell.
bool Stream::moreToRead() const {
  return reading_ && state_ == State::kOpen && (restOnly_ || (ssl_ && SSL_pending(ssl_.get()) > 0));
}

void Stream::continueHandshake(const DropFlag::Watch& watch) {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    state_ = State::kOpen;
    connectTimer_.reset();
    updateInterest();
    handler_->onConnected();
    if (!watch.dropped() && reading_ && SSL_pending(ssl_.get()) > 0) deferred_.schedule();
    return;
  }
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return updateInterest();
  const long verify = SSL_get_verify_result(ssl_.get());
  const bool refused = verify != X509_V_OK;
  std::string message =
      refused ? std::string("certificate refused: ") + X509_verify_cert_error_string(verify) : takeTlsError();
  ERR_clear_error();
  fail(refused ? StreamErrorKind::kCertificate : StreamErrorKind::kTls, std::move(message));
}

void Stream::onReady(uint32_t events) {
  DropFlag::Watch watch(dropFlag_);
  if (state_ == State::kConnecting) {
    const int code = connectResult(fd_.get());
    if (code != 0) return fail(connectErrorKind(code), std::string("connect: ") + std::strerror(code));
    if (ssl_) {
      state_ = State::kHandshaking;
      continueHandshake(watch);
    } else {
      state_ = State::kOpen;
      connectTimer_.reset();
      updateInterest();
      handler_->onConnected();
    }
    return;
  }
  if (state_ == State::kHandshaking) {
    continueHandshake(watch);
    return;
  }

  if ((events & EPOLLOUT) || ((events & EPOLLIN) && tlsWriteWantsRead_)) {
    const bool wasAbove = aboveLowWater_;
    if (flush() && wasAbove && !aboveLowWater_) {
      handler_->onDrained();
      if (watch.dropped()) return;
    }
    if ((events & EPOLLOUT) && tlsReadWantsWrite_) {
      tlsReadWantsWrite_ = false;
      updateInterest();
      events |= EPOLLIN;
    }
  }
  if ((events & EPOLLIN) && state_ == State::kOpen) {
    if (reading_) {
      handler_->onReadable();
      if (watch.dropped()) return;
      if (moreToRead()) deferred_.schedule();
    } else if (wantReadable_) {
      wantReadable_ = false;
      updateInterest();
    }
  }
  if ((events & EPOLLRDHUP) && !peerFinished_ && state_ == State::kOpen) {
    peerFinished_ = true;
    updateInterest();
    if (!endRead_ && !(events & (EPOLLERR | EPOLLHUP))) {
      handler_->onPeerFinished();
      if (watch.dropped()) return;
    }
  }
  // What the peer sent before it vanished is still read first, by whoever reads.
  if ((events & (EPOLLERR | EPOLLHUP)) && state_ == State::kOpen && !(reading_ && (events & EPOLLIN))) {
    if (readsRest_ && !reading_) {
      restOnly_ = sendingDead_ = true;
      return updateInterest();
    }
    const int code = connectResult(fd_.get());
    return fail(StreamErrorKind::kReset, code ? std::strerror(code) : "connection closed");
  }
}

void Stream::setReading(bool on) {
  if (endRead_) return;
  reading_ = on;
  if (!on) return;
  if (!wantReadable_) {
    wantReadable_ = true;
    if (state_ == State::kOpen) updateInterest();
  }
  if (moreToRead()) deferred_.schedule();
}

Stream::ReadResult Stream::read(std::span<std::byte> into) {
  if (state_ != State::kOpen) return {ReadResult::kError};
  if (!ssl_) {
    const ssize_t got = recv(fd_.get(), into.data(), into.size(), 0);
    if (got > 0) return {ReadResult::kBytes, static_cast<size_t>(got)};
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {ReadResult::kNothingYet};
    if (got < 0) {
      state_ = State::kBroken;
      updateInterest();
      return {ReadResult::kError};
    }
  } else {
    ERR_clear_error();
    const int wanted = static_cast<int>(std::min<size_t>(into.size(), 1 << 30));
    const int got = SSL_read(ssl_.get(), into.data(), wanted);
    if (got > 0) return {ReadResult::kBytes, static_cast<size_t>(got)};
    const int error = SSL_get_error(ssl_.get(), got);
    if (error == SSL_ERROR_WANT_READ) return {ReadResult::kNothingYet};
    if (error == SSL_ERROR_WANT_WRITE) {
      tlsReadWantsWrite_ = true;
      updateInterest();
      return {ReadResult::kNothingYet};
    }
    if (error != SSL_ERROR_ZERO_RETURN) {
      // Also an end without close_notify: the bytes may have been cut short by somebody in between.
      ERR_clear_error();
      state_ = State::kBroken;
      updateInterest();
      return {ReadResult::kError};
    }
  }
  if (sendingDead_) {
    // The reset was told to the write that failed, and looks like an end now.
    state_ = State::kBroken;
    updateInterest();
    return {ReadResult::kError};
  }
  endRead_ = true;
  reading_ = false;
  wantReadable_ = false;
  updateInterest();
  return {ReadResult::kEnd};
}

bool Stream::atEnd() const {
  if (endRead_) return true;
  if (!peerFinished_ || state_ != State::kOpen) return false;
  char byte;
  if (!ssl_) return recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  ERR_clear_error();
  const int got = SSL_peek(ssl_.get(), &byte, 1);
  const bool more = got > 0 || SSL_get_error(ssl_.get(), got) == SSL_ERROR_WANT_READ;
  ERR_clear_error();
  return !more;
}

void Stream::failSending(int code) {
  if (!ssl_ && (code == EPIPE || code == ECONNRESET)) {
    // The kernel says so by EPOLLERR too, behind what can still be read.
    sendingDead_ = true;
    return;
  }
  state_ = State::kBroken;
  updateInterest();
  brokenBy_ = {StreamErrorKind::kReset, std::strerror(code)};
  deferred_.schedule();
}

// One attempt. Returns bytes taken, 0 when it has to wait; breaks the stream on failure.
ssize_t Stream::sendBytes(const char* from, size_t size) {
  if (!ssl_) {
    const ssize_t sent = send(fd_.get(), from, size, MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (errno != EAGAIN && errno != EINTR) failSending(errno);
    return 0;
  }
  ERR_clear_error();
  tlsWriteWantsRead_ = false;
  const int sent = SSL_write(ssl_.get(), from, static_cast<int>(std::min<size_t>(size, 1 << 30)));
  if (sent > 0) return sent;
  const int error = SSL_get_error(ssl_.get(), sent);
  if (error == SSL_ERROR_WANT_READ) {
    tlsWriteWantsRead_ = true;
  } else if (error != SSL_ERROR_WANT_WRITE) {
    ERR_clear_error();
    failSending(ECONNRESET);
  }
  return 0;
}

size_t Stream::sendNow(std::span<const iovec> parts) {
  if (parts.size() == 1) {
    size_t sent = 0;
    const char* from = static_cast<const char*>(parts[0].iov_base);
    do {
      const ssize_t step = sendBytes(from + sent, parts[0].iov_len - sent);
      sent += static_cast<size_t>(step);
      if (step == 0) break;
    } while (ssl_ && sent < parts[0].iov_len);
    return sent;
  }
  if (!ssl_) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = std::min(parts.size(), kIovecsMax);
    const ssize_t sent = sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<size_t>(sent);
    if (errno != EAGAIN && errno != EINTR) failSending(errno);
    return 0;
  }
  if (totalSize(parts) <= kTlsRecordBytes) {
    char joined[kTlsRecordBytes];
    size_t size = 0;
    for (const iovec& part : parts) {
      std::memcpy(joined + size, part.iov_base, part.iov_len);
      size += part.iov_len;
    }
    const iovec one{joined, size};
    return sendNow({&one, 1});
  }
  size_t sent = 0;
  for (const iovec& part : parts) {
    if (part.iov_len == 0) continue;
    const size_t step = sendNow({&part, 1});
    sent += step;
    if (step < part.iov_len) break;
  }
  return sent;
}

void Stream::keep(std::span<const iovec> parts, size_t skip) {
  if (sendingDead_) return;
  if (pendingSent_ > 0 && pendingSent_ >= pending_.size() / 2) {
    pending_.erase(0, pendingSent_);
    pendingSent_ = 0;
  }
  for (const iovec& part : parts) {
    if (skip >= part.iov_len) {
      skip -= part.iov_len;
      continue;
    }
    pending_.append(static_cast<const char*>(part.iov_base) + skip, part.iov_len - skip);
    skip = 0;
  }
  if (pendingBytes() > limits_.lowWaterBytes) aboveLowWater_ = true;
}

Stream::WriteResult Stream::write(std::span<const iovec> parts) {
  if (state_ == State::kBroken) return WriteResult::kBroken;
  CHECK(!finishWanted_);
  if (pendingBytes() > limits_.pendingBytesMax) return WriteResult::kTooMuch;
  const size_t total = totalSize(parts);
  if (total == 0) return WriteResult::kTaken;
  size_t sent = 0;
  if (sendingDead_) return WriteResult::kTaken;
  if (state_ == State::kOpen && pendingBytes() == 0) {
    sent = sendNow(parts);
    sentBytes_ += sent;
    if (state_ == State::kBroken) return WriteResult::kBroken;
    if (sent == total) return WriteResult::kTaken;
  }
  keep(parts, sent);
  if (state_ == State::kOpen) updateInterest();
  return WriteResult::kTaken;
}

Stream::WriteResult Stream::write(std::string_view bytes) {
  const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  return write({&part, 1});
}

bool Stream::flush() {
  if (pendingBytes() > 0) {
    const iovec part{pending_.data() + pendingSent_, pendingBytes()};
    const size_t sent = sendNow({&part, 1});
    if (state_ == State::kBroken) return false;
    if (sendingDead_) {
      pending_.clear();
      pendingSent_ = 0;
    }
    sentBytes_ += sent;
    pendingSent_ += sent;
    if (pendingSent_ == pending_.size()) {
      pendingSent_ = 0;
      pending_.clear();
      if (pending_.capacity() > kPendingKeptBytes) std::string().swap(pending_);
    }
  }
  if (pendingBytes() <= limits_.lowWaterBytes) aboveLowWater_ = false;
  sendEndIfDue();
  updateInterest();
  return true;
}

void Stream::finishSending() {
  if (finishWanted_) return;
  finishWanted_ = true;
  sendEndIfDue();
}

void Stream::sendEndIfDue() {
  if (!finishWanted_ || finishSent_ || pendingBytes() > 0 || state_ != State::kOpen) return;
  finishSent_ = true;
  if (ssl_) {
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  shutdown(fd_.get(), SHUT_WR);
}

void Stream::resetOnClose() {
  if (!fd_) return;
  setResetOnClose(fd_.get());
  finishSent_ = true;  // no close_notify either
}

}  // namespace weir::net
