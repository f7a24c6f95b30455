#include "http/codec/request_decoder.h"

#include <algorithm>

#include "http/codec/field_syntax.h"

namespace weir::http {
namespace {

constexpr size_t kMethodBytesMax = 32;
constexpr size_t kRequestLineRest = kMethodBytesMax + 16;  // everything but the target

// Whether the last element of a comma-separated list is `token`.
bool endsWithToken(std::string_view list, std::string_view token) {
  std::string_view last = list.substr(list.rfind(',') == std::string_view::npos ? 0 : list.rfind(',') + 1);
  while (!last.empty() && (last.front() == ' ' || last.front() == '\t')) last.remove_prefix(1);
  return equalsIgnoreCase(last, token);
}

}  // namespace

RequestDecoder::RequestDecoder(const HttpLimits& limits) : limits_(limits), body_(limits) {}

base::Result<size_t, Refusal> RequestDecoder::refuse(Refusal refusal) {
  phase_ = Phase::kRefused;
  refusal_ = refusal;
  return refusal_;
}

base::Result<size_t, Refusal> RequestDecoder::refuseHead(Refusal refusal, std::span<const std::byte> bytes,
                                                         size_t consumed, bool patient) {
  phase_ = Phase::kRefusedHead;
  refusal_ = refusal;
  refusedHead_.emplace(2 * limits_.headBytesMax);  // so that what follows a field that was too long is seen
  const auto read = readRefusedHead(bytes, consumed);
  return patient ? read : refuse(refusal);
}

base::Result<size_t, Refusal> RequestDecoder::readRefusedHead(std::span<const std::byte> bytes, size_t consumed) {
  const bool over = refusedHead_->read(bytes.subspan(consumed), head_.headers);
  const auto host = head_.headers.find("host");
  if (head_.authority.empty() && host && isAuthority(*host)) head_.authority.assign(*host);
  if (over) return refuse(refusal_);
  return bytes.size();
}

void RequestDecoder::beginHead() {
  head_.method.clear();
  head_.target.clear();
  head_.headers.clear();
  head_.authority.clear();
  head_.framing = Framing::kNone;
  head_.contentLength = 0;
  head_.expectsContinue = false;
  head_.upgrade = false;
  head_.connectionNames = false;
  absoluteForm_ = sawHost_ = sawLength_ = sawTransferEncoding_ = connectionClose_ = connectionKeepAlive_ = false;
}

base::Result<size_t, Refusal> RequestDecoder::feed(std::span<const std::byte> bytes, RequestSink& sink,
                                                   uint64_t contentMax) {
  if (phase_ == Phase::kRefused) return refusal_;
  size_t consumed = 0;
  if (phase_ == Phase::kRefusedHead) return readRefusedHead(bytes, consumed);
  while (phase_ != Phase::kBody) {
    const auto rest = bytes.subspan(consumed);
    if (rest.empty()) return consumed;
    const bool inRequestLine = phase_ == Phase::kRequestLine;
    if (inRequestLine && headBytes_ == 0) {
      // Something else than HTTP, a TLS hello for one, is told so at once and not when a line ends.
      const char first = static_cast<char>(rest[0]);
      if (first != '\r' && !isToken({&first, 1})) {
        beginHead();
        return refuse({400, "this is not an HTTP request"});
      }
    }
    const size_t lineMax = inRequestLine
                               ? std::min<size_t>(limits_.urlBytesMax + kRequestLineRest, limits_.headBytesMax)
                               : limits_.headBytesMax - headBytes_;
    const auto step = lines_.next(rest, lineMax);
    if (inRequestLine && step.outcome != LineReader::Outcome::kMore) beginHead();
    if (step.outcome == LineReader::Outcome::kTooLong) {
      return refuseHead(
          inRequestLine ? Refusal{414, "the request line is too long"} : Refusal{431, "the head is too large"}, bytes,
          consumed, true);
    }
    consumed += step.consumed;
    if (step.outcome == LineReader::Outcome::kBareLf)
      return refuseHead({400, "a line ends without CR"}, bytes, consumed, false);
    if (step.outcome == LineReader::Outcome::kMore) {
      if (inRequestLine) headBytes_ += step.consumed;
      return consumed;
    }
    if (inRequestLine) {
      if (step.line.empty() && !sawEmptyLine_) {
        sawEmptyLine_ = true;
        headBytes_ = 0;
        continue;
      }
      headBytes_ = step.line.size() + 2;
      if (const auto refusal = takeRequestLine(step.line))
        return refuseHead(*refusal, bytes, consumed, refusal->status != 400);
      phase_ = Phase::kFields;
    } else if (!step.line.empty()) {
      headBytes_ += step.line.size() + 2;
      if (const auto refusal = takeField(step.line)) return refuseHead(*refusal, bytes, consumed, true);
    } else {
      if (const auto refusal = finishHead()) return refuse(*refusal);
      phase_ = Phase::kBody;
      body_.start(head_.framing, head_.contentLength, limits_.bodyBytesMax);
      sink.onHead(head_);
      if (!body_.done()) return consumed;
    }
  }

  while (!body_.done()) {
    const auto step = body_.next(bytes.subspan(consumed), contentMax);
    if (step.refusal) return refuse(*step.refusal);
    consumed += step.consumed;
    if (!step.content.empty()) {
      contentMax -= step.content.size();
      sink.onBody(step.content);
    }
    if (step.consumed == 0) return consumed;
  }
  phase_ = Phase::kRequestLine;
  headBytes_ = 0;
  sawEmptyLine_ = false;
  lines_.reset();
  sink.onEnd();
  return consumed;
}

std::optional<Refusal> RequestDecoder::takeRequestLine(std::string_view line) {
  const size_t firstSpace = line.find(' ');
  const size_t lastSpace = line.rfind(' ');
  if (firstSpace == std::string_view::npos || firstSpace == lastSpace)
    return Refusal{400, "the request line has not three parts"};
  const std::string_view method = line.substr(0, firstSpace);
  const std::string_view target = line.substr(firstSpace + 1, lastSpace - firstSpace - 1);
  const std::string_view version = line.substr(lastSpace + 1);
  if (!isToken(method)) return Refusal{400, "the method is malformed"};
  if (method.size() > kMethodBytesMax) return Refusal{501, "the method is not known"};
  if (target.size() > limits_.urlBytesMax) return Refusal{414, "the URL is too long"};
  if (!isTarget(target)) return Refusal{400, "the request target is malformed"};
  const auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.' || !isDigit(version[5]) ||
      !isDigit(version[7]))
    return Refusal{400, "the HTTP version is malformed"};
  if (version[5] != '1') return Refusal{505, "only HTTP/1.x is spoken here"};
  if (method == "CONNECT") return Refusal{501, "CONNECT is not offered"};
  head_.version = version[7] == '0' ? Version::kHttp10 : Version::kHttp11;
  head_.method.assign(method);
  return takeTarget(target);
}

std::optional<Refusal> RequestDecoder::takeTarget(std::string_view target) {
  if (target.front() == '/') {
    head_.target.assign(target);
    return std::nullopt;
  }
  if (target == "*") {
    if (head_.method != "OPTIONS") return Refusal{400, "the target * is for OPTIONS only"};
    head_.target.assign(target);
    return std::nullopt;
  }
  const size_t schemeEnd = target.find("://");
  if (schemeEnd == std::string_view::npos) return Refusal{400, "the request target is neither a path nor a URL"};
  const std::string_view scheme = target.substr(0, schemeEnd);
  if (!equalsIgnoreCase(scheme, "http") && !equalsIgnoreCase(scheme, "https"))
    return Refusal{400, "the request target's scheme is not http"};
  const std::string_view rest = target.substr(schemeEnd + 3);
  const size_t authorityEnd = std::min(rest.find_first_of("/?"), rest.size());
  const std::string_view authority = rest.substr(0, authorityEnd);
  if (!isAuthority(authority)) return Refusal{400, "the request target's host is malformed"};
  head_.authority.assign(authority);
  absoluteForm_ = true;
  const std::string_view path = rest.substr(authorityEnd);
  head_.target.assign(path.starts_with('/') ? "" : "/");
  head_.target.append(path);
  return std::nullopt;
}

std::optional<Refusal> RequestDecoder::takeField(std::string_view line) {
  const auto field = parseFieldLine(line);
  if (!field) return Refusal{400, "a header line is malformed"};
  if (head_.headers.size() >= limits_.headerCountMax) return Refusal{431, "too many headers"};
  const std::string_view name = field->name;
  const std::string_view value = field->value;
  switch (name.size()) {
    case 4:
      if (!equalsIgnoreCase(name, "host")) break;
      if (sawHost_) return Refusal{400, "Host is there twice"};
      sawHost_ = true;
      if (!isAuthority(value)) return Refusal{400, "Host is malformed"};
      // The target's authority would win (RFC 9112 §3.2.2); whoever sends two different ones wants two different
      // readers.
      if (absoluteForm_ && !equalsIgnoreCase(value, head_.authority))
        return Refusal{400, "Host is not the request target's"};
      head_.authority.assign(value);
      break;
    case 6:
      if (!equalsIgnoreCase(name, "expect")) break;
      if (!equalsIgnoreCase(value, "100-continue")) return Refusal{417, "the expectation is not known"};
      head_.expectsContinue = true;
      break;
    case 10: {
      if (!equalsIgnoreCase(name, "connection")) break;
      const HeaderList one{{name, value}};
      connectionClose_ |= one.containsToken("connection", "close");
      connectionKeepAlive_ |= one.containsToken("connection", "keep-alive");
      head_.upgrade |= one.containsToken("connection", "upgrade");
      head_.connectionNames |= !equalsIgnoreCase(value, "keep-alive") && !equalsIgnoreCase(value, "close");
      break;
    }
    case 14: {
      if (!equalsIgnoreCase(name, "content-length")) break;
      if (sawLength_) return Refusal{400, "Content-Length is there twice"};
      sawLength_ = true;
      const auto length = parseDecimal(value);
      if (!length) return Refusal{400, "Content-Length is not a number in range"};
      head_.contentLength = *length;
      break;
    }
    case 17:
      if (!equalsIgnoreCase(name, "transfer-encoding")) break;
      if (sawTransferEncoding_) return Refusal{400, "Transfer-Encoding is there twice"};
      sawTransferEncoding_ = true;
      // Without chunked at its end nobody can tell where the body ends (RFC 9112 §6.3).
      if (!endsWithToken(value, "chunked")) return Refusal{400, "Transfer-Encoding does not end with chunked"};
      if (value.size() != 7) return Refusal{501, "the transfer coding is not known"};
      break;
    default: break;
  }
  head_.headers.add(name, value);
  return std::nullopt;
}

std::optional<Refusal> RequestDecoder::finishHead() {
  const bool http11 = head_.version == Version::kHttp11;
  if (http11 && !sawHost_) return Refusal{400, "Host is missing"};
  if (absoluteForm_ && !sawHost_) {
    if (head_.headers.size() >= limits_.headerCountMax) return Refusal{431, "too many headers"};
    head_.headers.add("Host", head_.authority);
  }
  if (sawTransferEncoding_) {
    if (sawLength_) return Refusal{400, "both Content-Length and Transfer-Encoding are there"};
    if (!http11) return Refusal{400, "Transfer-Encoding is not part of HTTP/1.0"};
    head_.framing = Framing::kChunked;
  } else if (sawLength_) {
    head_.framing = Framing::kLength;
  }
  if (!http11) head_.expectsContinue = false;
  head_.keepAlive = !connectionClose_ && (http11 || connectionKeepAlive_);
  return std::nullopt;
}

}  // namespace weir::http
