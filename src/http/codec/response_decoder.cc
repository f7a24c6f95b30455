#include "http/codec/response_decoder.h"

#include "http/codec/field_syntax.h"

namespace weir::http {
namespace {

constexpr uint16_t kBad = 502;

}  // namespace

ResponseDecoder::ResponseDecoder(const HttpLimits& limits) : limits_(limits), body_(limits) {}

void ResponseDecoder::start(ResponseTo request) {
  request_ = request;
  phase_ = Phase::kStatusLine;
  headBytes_ = 0;
  interims_ = 0;
  lines_.reset();
}

base::Result<size_t, Refusal> ResponseDecoder::refuse(Refusal refusal) {
  phase_ = Phase::kRefused;
  refusal_ = refusal;
  return refusal_;
}

base::Result<size_t, Refusal> ResponseDecoder::feed(std::span<const std::byte> bytes, ResponseSink& sink,
                                                    uint64_t contentMax) {
  if (phase_ == Phase::kRefused) return refusal_;
  size_t consumed = 0;
  while (phase_ == Phase::kStatusLine || phase_ == Phase::kFields) {
    const auto step = lines_.next(bytes.subspan(consumed), limits_.headBytesMax - headBytes_);
    if (step.outcome == LineReader::Outcome::kTooLong) return refuse({kBad, "the response head is too large"});
    if (step.outcome == LineReader::Outcome::kBareLf) return refuse({kBad, "a response line ends without CR"});
    consumed += step.consumed;
    if (step.outcome == LineReader::Outcome::kMore) return consumed;
    headBytes_ += step.line.size() + 2;
    if (phase_ == Phase::kStatusLine) {
      if (const auto refusal = takeStatusLine(step.line)) return refuse(*refusal);
      phase_ = Phase::kFields;
    } else if (!step.line.empty()) {
      if (const auto refusal = takeField(step.line)) return refuse(*refusal);
    } else {
      if (head_.status < 200 && head_.status != 101) {
        if (++interims_ > limits_.interimResponsesMax) return refuse({kBad, "too many interim responses"});
        phase_ = Phase::kStatusLine;
        headBytes_ = 0;
        continue;
      }
      if (const auto refusal = finishHead()) return refuse(*refusal);
      if (head_.status == 101) {
        phase_ = Phase::kUpgraded;
        sink.onHead(head_);
        return consumed;
      }
      phase_ = Phase::kBody;
      body_.start(head_.framing, head_.contentLength, std::numeric_limits<uint64_t>::max());
      sink.onHead(head_);
      if (!body_.done()) return consumed;
    }
  }
  if (phase_ != Phase::kBody) return consumed;

  while (!body_.done()) {
    const auto step = body_.next(bytes.subspan(consumed), contentMax);
    if (step.refusal) return refuse({kBad, step.refusal->reason});
    consumed += step.consumed;
    if (!step.content.empty()) {
      contentMax -= step.content.size();
      sink.onBody(step.content);
    }
    if (step.consumed == 0) return consumed;
  }
  phase_ = Phase::kDone;
  sink.onEnd();
  return consumed;
}

base::Result<base::Nothing, Refusal> ResponseDecoder::finish(ResponseSink& sink) {
  if (phase_ == Phase::kDone) return base::Nothing{};
  if (phase_ == Phase::kBody && body_.finish()) {
    phase_ = Phase::kDone;
    sink.onEnd();
    return base::Nothing{};
  }
  return refuse({kBad, "the connection ended within the response"}).error();
}

std::optional<Refusal> ResponseDecoder::takeStatusLine(std::string_view line) {
  const auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || !isDigit(line[7]) || line[8] != ' ' || !isDigit(line[9]) ||
      !isDigit(line[10]) || !isDigit(line[11]) || line[9] == '0')
    return Refusal{kBad, "the status line is malformed"};
  // Some servers leave out the space when there is no reason phrase.
  if (line.size() > 12 && (line[12] != ' ' || !isFieldValue(line.substr(13))))
    return Refusal{kBad, "the status line is malformed"};
  head_.version = line[7] == '0' ? Version::kHttp10 : Version::kHttp11;
  head_.status = static_cast<uint16_t>((line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0'));
  head_.reason.assign(line.size() > 13 ? line.substr(13) : std::string_view());
  head_.headers.clear();
  head_.framing = Framing::kNone;
  head_.contentLength = 0;
  sawLength_ = sawTransferEncoding_ = connectionClose_ = connectionKeepAlive_ = false;
  return std::nullopt;
}

std::optional<Refusal> ResponseDecoder::takeField(std::string_view line) {
  const auto field = parseFieldLine(line);
  if (!field) return Refusal{kBad, "a response header line is malformed"};
  if (head_.headers.size() >= limits_.headerCountMax) return Refusal{kBad, "too many response headers"};
  const auto [name, value] = *field;
  switch (name.size()) {
    case 10: {
      if (!equalsIgnoreCase(name, "connection")) break;
      const HeaderList one{*field};
      connectionClose_ |= one.containsToken("connection", "close");
      connectionKeepAlive_ |= one.containsToken("connection", "keep-alive");
      break;
    }
    case 14: {
      if (!equalsIgnoreCase(name, "content-length")) break;
      const auto length = parseDecimal(value);
      if (!length) return Refusal{kBad, "Content-Length is not a number in range"};
      if (sawLength_) {
        if (*length != head_.contentLength) return Refusal{kBad, "two Content-Length fields disagree"};
        return std::nullopt;
      }
      sawLength_ = true;
      head_.contentLength = *length;
      break;
    }
    case 17:
      if (!equalsIgnoreCase(name, "transfer-encoding")) break;
      if (sawTransferEncoding_ || !equalsIgnoreCase(value, "chunked"))
        return Refusal{kBad, "the transfer coding is not known"};
      sawTransferEncoding_ = true;
      break;
    default: break;
  }
  head_.headers.add(name, value);
  return std::nullopt;
}

std::optional<Refusal> ResponseDecoder::finishHead() {
  const bool http11 = head_.version == Version::kHttp11;
  if (sawTransferEncoding_ && sawLength_) return Refusal{kBad, "both Content-Length and Transfer-Encoding are there"};
  if (sawTransferEncoding_ && !http11) return Refusal{kBad, "Transfer-Encoding is not part of HTTP/1.0"};
  head_.keepAlive = !connectionClose_ && (http11 || connectionKeepAlive_);
  // RFC 9112 §6.3, in its order.
  if (request_ == ResponseTo::kHead || isBodiless(head_.status)) {
    head_.framing = Framing::kNone;
  } else if (sawTransferEncoding_) {
    head_.framing = Framing::kChunked;
  } else if (sawLength_) {
    head_.framing = Framing::kLength;
  } else {
    head_.framing = Framing::kUntilClose;
    head_.keepAlive = false;
  }
  return std::nullopt;
}

}  // namespace weir::http
