// The heads of HTTP/1.x messages, as decoders make them and servers and clients pass them on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/header_list.h"

namespace weir::http {

enum class Version : uint8_t { kHttp10, kHttp11 };

// How the end of a body is told (RFC 9112 §6).
enum class Framing : uint8_t { kNone, kLength, kChunked, kUntilClose };

// Why bytes from a peer were refused. `status` is what a server answers with; a client reports it as a protocol error.
struct Refusal {
  uint16_t status;
  const char* reason;  // static, one line, for the log
};

struct RequestHead {
  std::string method;     // as sent; never CONNECT
  std::string target;     // origin form (path and query), or "*" for OPTIONS
  std::string authority;  // host[:port] of the absolute form, else of Host; empty only on HTTP/1.0
  Version version = Version::kHttp11;
  HeaderList headers;  // Host agrees with `authority`
  Framing framing = Framing::kNone;
  uint64_t contentLength = 0;  // for kLength
  bool keepAlive = true;       // what the client asks for
  bool expectsContinue = false;
  bool upgrade = false;          // `Connection: upgrade` is there
  bool connectionNames = false;  // Connection may name fields that are not to be passed on
};

struct ResponseHead {
  uint16_t status = 0;
  std::string reason;
  Version version = Version::kHttp11;
  HeaderList headers;
  Framing framing = Framing::kNone;
  uint64_t contentLength = 0;  // for kLength
  bool keepAlive = true;
};

// "Not Found" for 404; "Unknown" for a status that no standard names.
std::string_view reasonPhrase(uint16_t status);

// Whether a response with this status never has a body (1xx, 204, 304).
bool isBodiless(uint16_t status);

// Whether a field belongs to one connection only and is never passed on: Connection, Keep-Alive, Proxy-Connection, TE,
// Trailer, Transfer-Encoding, Upgrade. Fields that a Connection field names are the caller's to look up.
bool isHopByHop(std::string_view name);

// Whether repeating the request has the effect of sending it once (RFC 9110 §9.2.2).
bool isIdempotent(std::string_view method);

}  // namespace weir::http
