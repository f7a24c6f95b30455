// Requests from bytes (RFC 9112), strict: whatever two parsers could read differently is refused.
//
// Stricter than the RFC where it leaves a choice: repeated Content-Length, Host and Transfer-Encoding fields are
// refused even when they agree; at most one empty line may precede a request line; hosts use a narrow alphabet;
// trailers are checked and dropped; an absolute target and Host agree. Wider in one place: bytes from 0x80 pass in
// targets.
#pragma once

#include <limits>
#include <optional>
#include <span>

#include "base/result.h"
#include "http/codec/body_decoder.h"
#include "http/codec/line_reader.h"
#include "http/codec/refused_head.h"
#include "http/limits.h"
#include "http/message.h"

namespace weir::http {

class RequestSink {
 public:
  virtual void onHead(const RequestHead& head) = 0;
  // A view of the bytes fed; never empty.
  virtual void onBody(std::span<const std::byte> bytes) = 0;
  virtual void onEnd() = 0;

 protected:
  ~RequestSink() = default;
};

class RequestDecoder {
 public:
  explicit RequestDecoder(const HttpLimits& limits);

  // Consumes a prefix of `bytes` and returns its length; events reach `sink` before it returns. Returns after a head
  // and after an end, so that the caller can look up; feed the rest again. At most `contentMax` body bytes are
  // delivered; framing around them is consumed regardless. After a refusal every later call returns the same one.
  //
  // A head that is refused for what it says, and not because it is no HTTP, is refused at its end: `head()` then has
  // what its answer is made of (RefusedHead).
  base::Result<size_t, Refusal> feed(std::span<const std::byte> bytes, RequestSink& sink,
                                     uint64_t contentMax = std::numeric_limits<uint64_t>::max());

  // The request being decoded or last ended. Valid from onHead until the first byte of the next request is fed; after a
  // refusal, what was understood of the refused one.
  const RequestHead& head() const { return head_; }

  // The head is refused already, and read to its end. A caller that waits no longer answers with this.
  std::optional<Refusal> pendingRefusal() const {
    return phase_ == Phase::kRefusedHead ? std::optional(refusal_) : std::nullopt;
  }

  // Bound of the current body; from onHead to onEnd. The next request starts with the limits' value again.
  void setBodyBytesMax(uint64_t bytesMax) { body_.setBytesMax(bytesMax); }

  // Nothing of a next request has arrived yet.
  bool betweenRequests() const { return phase_ == Phase::kRequestLine && headBytes_ == 0; }
  bool inBody() const { return phase_ == Phase::kBody; }

 private:
  enum class Phase { kRequestLine, kFields, kBody, kRefusedHead, kRefused };

  base::Result<size_t, Refusal> refuse(Refusal refusal);
  // What is behind `consumed` came behind the place of the refusal. Waits for the end of the head where `patient`.
  base::Result<size_t, Refusal> refuseHead(Refusal refusal, std::span<const std::byte> bytes, size_t consumed,
                                           bool patient);
  base::Result<size_t, Refusal> readRefusedHead(std::span<const std::byte> bytes, size_t consumed);
  std::optional<Refusal> takeRequestLine(std::string_view line);
  std::optional<Refusal> takeTarget(std::string_view target);
  std::optional<Refusal> takeField(std::string_view line);
  std::optional<Refusal> finishHead();
  void beginHead();

  HttpLimits limits_;
  Phase phase_ = Phase::kRequestLine;
  Refusal refusal_{};
  std::optional<RefusedHead> refusedHead_;
  RequestHead head_;
  LineReader lines_;
  BodyDecoder body_;
  size_t headBytes_ = 0;
  bool sawEmptyLine_ = false;
  bool absoluteForm_ = false;
  bool sawHost_ = false;
  bool sawLength_ = false;
  bool sawTransferEncoding_ = false;
  bool connectionClose_ = false;
  bool connectionKeepAlive_ = false;
};

}  // namespace weir::http
