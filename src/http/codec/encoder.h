// Heads and chunk framing into a buffer the caller reuses. Nothing that could split a message is ever written: names
// and values with CR, LF, NUL or other controls are refused here, whoever they come from.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace weir::http {

// What a response says about itself besides its own headers.
struct ResponseFraming {
  Framing framing = Framing::kNone;
  std::optional<uint64_t> contentLength;  // sent when set, also without a body (HEAD, 304)
  std::string_view connection;            // value of Connection, or empty for none
  std::string_view upgrade;               // value of Upgrade, or empty for none
  std::string_view date;                  // value of Date, unless `headers` has one; empty for none
};

// Appends a response head. Hop-by-hop and Content-Length fields of `headers` are left out; the framing decides those.
// False, with `out` as before, when a name or value cannot be sent or `status` is not 100..999.
[[nodiscard]] bool appendResponseHead(std::string& out, uint16_t status, const HeaderList& headers,
                                      const ResponseFraming& framing);

struct RequestFraming {
  Framing framing = Framing::kNone;  // kNone, kLength or kChunked
  uint64_t contentLength = 0;
  std::string_view connection;
  std::string_view upgrade;
};

// Appends a request head. `authority` becomes Host, in place of any in `headers`. The same fields are left out.
[[nodiscard]] bool appendRequestHead(std::string& out, std::string_view method, std::string_view target,
                                     std::string_view authority, const HeaderList& headers,
                                     const RequestFraming& framing);

// "1f\r\n"; the chunk's bytes and kChunkEnd follow. `size` > 0.
void appendChunkSize(std::string& out, size_t size);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7).
std::string formatDate(int64_t secondsSince1970);

}  // namespace weir::http
