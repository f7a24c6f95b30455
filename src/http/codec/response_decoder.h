// Responses from bytes (RFC 9112), strict about framing: a response whose end could be read in two ways is refused.
#pragma once

#include <limits>
#include <span>

#include "base/result.h"
#include "http/codec/body_decoder.h"
#include "http/codec/line_reader.h"
#include "http/limits.h"
#include "http/message.h"

namespace weir::http {

class ResponseSink {
 public:
  // Interim responses (1xx) are skipped, except 101, which ends the HTTP part of the connection.
  virtual void onHead(const ResponseHead& head) = 0;
  // A view of the bytes fed; never empty.
  virtual void onBody(std::span<const std::byte> bytes) = 0;
  virtual void onEnd() = 0;

 protected:
  ~ResponseSink() = default;
};

// What decoding a response needs to know of its request.
enum class ResponseTo { kOther, kHead };

class ResponseDecoder {
 public:
  explicit ResponseDecoder(const HttpLimits& limits);

  // Begins the response to the next request on this connection.
  void start(ResponseTo request);

  // As RequestDecoder::feed. Nothing is consumed after the end, and after a 101 head: what follows is not HTTP.
  base::Result<size_t, Refusal> feed(std::span<const std::byte> bytes, ResponseSink& sink,
                                     uint64_t contentMax = std::numeric_limits<uint64_t>::max());

  // The connection ended. Ends a body that lasts until then; anything unfinished is refused.
  base::Result<base::Nothing, Refusal> finish(ResponseSink& sink);

  const ResponseHead& head() const { return head_; }
  bool inBody() const { return phase_ == Phase::kBody; }
  bool done() const { return phase_ == Phase::kDone; }
  bool upgraded() const { return phase_ == Phase::kUpgraded; }

 private:
  enum class Phase { kStatusLine, kFields, kBody, kDone, kUpgraded, kRefused };

  base::Result<size_t, Refusal> refuse(Refusal refusal);
  std::optional<Refusal> takeStatusLine(std::string_view line);
  std::optional<Refusal> takeField(std::string_view line);
  std::optional<Refusal> finishHead();

  HttpLimits limits_;
  ResponseTo request_ = ResponseTo::kOther;
  Phase phase_ = Phase::kDone;
  Refusal refusal_{};
  ResponseHead head_;
  LineReader lines_;
  BodyDecoder body_;
  size_t headBytes_ = 0;
  uint32_t interims_ = 0;
  bool sawLength_ = false;
  bool sawTransferEncoding_ = false;
  bool connectionClose_ = false;
  bool connectionKeepAlive_ = false;
};

}  // namespace weir::http
