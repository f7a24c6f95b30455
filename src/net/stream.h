// A byte stream over one TCP connection, plain or TLS, that never blocks.
//
// Reading: while reading is on, the handler is told when bytes may be there and reads them into memory of its own
// choice. Writing: `write` hands bytes to the kernel at once and keeps what it did not take, up to a bound;
// `pendingBytes` and `onDrained` are the back-pressure.
//
// A stream that is readable while reading is off is taken out of epoll's read set then, and not before, so a peer that
// keeps to request and response costs no epoll_ctl at all.
//
// Threads: loop thread only. A handler may destroy the stream from within any callback.
#pragma once

#include <sys/uio.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/drop_flag.h"
#include "net/loop.h"
#include "net/socket.h"
#include "net/tls.h"

namespace weir::net {

enum class StreamErrorKind { kConnect, kUnreachable, kTls, kCertificate, kTimeout, kReset };

struct StreamError {
  StreamErrorKind kind;
  std::string message;
};

class StreamHandler {
 public:
  // The connection is up, TLS included. Comes once, and never for accepted plain streams.
  virtual void onConnected() {}
  // Reading is on and bytes, or the end, may be there: call `Stream::read`. Comes again until they are taken.
  virtual void onReadable() = 0;
  // `pendingBytes()` has fallen to `lowWaterBytes` or less after having been above it.
  virtual void onDrained() {}
  // The peer has finished sending, maybe with bytes still unread; it may or may not still be receiving. Comes at most
  // once, also while reading is off; not when `read` reported the end before.
  virtual void onPeerFinished() {}
  // The connection is dead: reset, refused, timed out, TLS failure. The last callback. While reading is off: unless
  // `setReadsRest` is on.
  virtual void onError(const StreamError& error) = 0;

 protected:
  ~StreamHandler() = default;
};

struct StreamLimits {
  size_t pendingBytesMax = 4 * 1024 * 1024;  // more than this waiting: write refuses
  size_t lowWaterBytes = 64 * 1024;
  std::chrono::milliseconds connectTimeout{15'000};  // TCP and TLS together
};

class Stream final : private FdHandler {
 public:
  // An accepted socket. With `tls` the handshake runs first and `onConnected` tells its end.
  static std::unique_ptr<Stream> accept(Loop& loop, Fd socket, StreamHandler& handler, const StreamLimits& limits,
                                        const TlsServerContext* tls = nullptr);

  // Connects; `onConnected` or `onError` follows, never from within this call. With `tls`, `host` is the name verified.
  // Contexts and handler are borrowed and outlive the stream.
  static std::unique_ptr<Stream> connect(Loop& loop, const Address& address, StreamHandler& handler,
                                         const StreamLimits& limits, const TlsClientContext* tls = nullptr,
                                         const std::string& host = {});
  // Closes the socket. Pending bytes are dropped.
  ~Stream();

  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void setHandler(StreamHandler& handler) { handler_ = &handler; }

  // Off at first for connecting streams, on for accepted ones.
  void setReading(bool on);
  bool reading() const { return reading_; }
  // Off at first. On: a connection that dies while reading is off is not an error yet. What was received is read once
  // reading is on again, and the error comes behind it; writes are dropped until then. For whoever reads at the pace of
  // another and would rather have all that came than hear of the end at once.
  void setReadsRest(bool on) { readsRest_ = on; }

  struct ReadResult {
    enum Kind { kBytes, kNothingYet, kEnd, kError } kind;
    size_t bytes = 0;  // > 0 exactly for kBytes
  };
  // Reads what is there into `into`, which must not be empty. One system call. After kError `onError` does not come.
  ReadResult read(std::span<std::byte> into);

  enum class WriteResult {
    kTaken,    // sent or kept
    kTooMuch,  // nothing taken: pendingBytesMax was already passed
    kBroken,   // nothing taken: the connection is dead; `onError` follows from the loop unless the stream is dropped
  };
  // A peer that takes no more may have said why: on a plain stream whose sending has failed, what had been received can
  // still be read, writes are dropped, and the end comes with the reading.
  // Takes all or nothing. A single write may pass pendingBytesMax; the next one is then refused.
  WriteResult write(std::span<const iovec> parts);
  WriteResult write(std::string_view bytes);

  // Bytes accepted by `write` that the kernel has not taken yet.
  size_t pendingBytes() const { return pending_.size() - pendingSent_; }
  // All bytes the kernel (or the TLS layer) has taken: tells progress.
  uint64_t sentBytes() const { return sentBytes_; }

  // Sends the end of the stream once pending bytes are gone. No `write` after it.
  void finishSending();
  // The coming destructor resets the connection instead of ending it in good order.
  void resetOnClose();

  // True when the peer has finished sending and everything it sent has been read.
  bool atEnd() const;

  bool connected() const { return state_ == State::kOpen && !restOnly_; }
  bool isTls() const { return ssl_ != nullptr; }
  int fd() const { return fd_.get(); }

 private:
  enum class State { kConnecting, kHandshaking, kOpen, kBroken };

  Stream(Loop& loop, Fd fd, StreamHandler& handler, const StreamLimits& limits, State state);
  void onReady(uint32_t events) override;
  void onConnectTimeout();
  void continueHandshake(const DropFlag::Watch& watch);
  void fail(StreamErrorKind kind, std::string message);
  void failSending(int code);
  void updateInterest();
  void unwatch();
  bool moreToRead() const;
  bool flush();
  size_t sendNow(std::span<const iovec> parts);
  ssize_t sendBytes(const char* from, size_t size);
  void keep(std::span<const iovec> parts, size_t skip);
  void sendEndIfDue();
  void onDeferred();

  Loop& loop_;
  StreamHandler* handler_;
  StreamLimits limits_;
  Fd fd_;
  SslSession ssl_;
  State state_;
  bool watched_ = false;
  bool reading_ = false;
  bool wantReadable_ = true;  // EPOLLIN is in the set; lags behind reading_ on purpose
  bool tlsReadWantsWrite_ = false;
  bool tlsWriteWantsRead_ = false;
  bool peerFinished_ = false;
  bool endRead_ = false;
  bool readsRest_ = false;
  bool restOnly_ = false;  // dead but for what was received, and out of epoll
  bool sendingDead_ = false;
  bool finishWanted_ = false;
  bool finishSent_ = false;
  bool aboveLowWater_ = false;
  uint32_t interest_ = 0;
  DropFlag dropFlag_;
  uint64_t sentBytes_ = 0;
  std::string pending_;
  size_t pendingSent_ = 0;
  StreamError brokenBy_{StreamErrorKind::kReset, {}};
  std::unique_ptr<Timer> connectTimer_;
  DeferredTask deferred_;  // bytes left inside TLS or by a dead peer, or an error found while writing
};

}  // namespace weir::net
