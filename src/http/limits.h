// Every bound of the HTTP layer, passed down as a value.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir::http {

struct HttpLimits {
  // Messages
  uint32_t headBytesMax = 128 * 1024;  // request or status line, all fields, their line ends; trailers again as much
  uint32_t headerCountMax = 256;
  uint32_t urlBytesMax = 16 * 1024;       // the request target as sent
  uint64_t bodyBytesMax = 100'000'000;    // request bodies; an exchange may set another value
  uint32_t chunkLineBytesMax = 4 * 1024;  // a chunk's size with its extensions
  uint32_t interimResponsesMax = 8;       // 1xx before the real response

  // Waits on a client
  std::chrono::milliseconds headTimeout{10'000};        // first byte to end of head
  std::chrono::milliseconds idleTimeout{75'000};        // between requests, and before the first
  std::chrono::milliseconds bodyStallTimeout{60'000};   // no body byte although asked for
  std::chrono::milliseconds writeStallTimeout{60'000};  // no response byte taken although waiting
  // Reading on behind the last answer of a connection, or a client that still sends would lose it with the reset: as
  // long as no pause between its bytes is longer, and at most for so long.
  std::chrono::milliseconds lingerTimeout{2'000};
  std::chrono::milliseconds lingerMax{30'000};

  // Memory and connections of a server
  uint32_t connectionsMax = 20'000;   // then the longest idle one goes, or the newcomer if none is idle
  uint32_t readBytesMax = 64 * 1024;  // one read, and what is held of it for later; at least 8 KiB
  // An unread rest of a body is skipped to keep the connection, unless it is known to be longer when the answer begins.
  uint32_t drainedBodyBytesMax = 256 * 1024;
  size_t pendingBytesMax = 4 * 1024 * 1024;  // response bytes waiting for a slow reader; a write beyond is refused
  size_t lowWaterBytes = 64 * 1024;          // a slow reader that has come down to here can take more

  // Upstream connections of a client
  std::chrono::milliseconds connectTimeout{15'000};         // TCP and TLS together, all addresses of a name
  std::chrono::milliseconds responseHeadTimeout{100'000};   // whole request sent to end of response head
  std::chrono::milliseconds upstreamStallTimeout{100'000};  // no byte of a body taken, or none come although asked for
  std::chrono::milliseconds poolIdleTimeout{30'000};
  uint32_t poolIdlePerOriginMax = 32;
  uint32_t poolIdleMax = 1'024;
  uint32_t upstreamConnectionsMax = 16'384;
  uint32_t addressesTriedMax = 4;
};
static_assert(HttpLimits{}.headerCountMax * 32 <= HttpLimits{}.headBytesMax,
              "headerCountMax fields of ordinary size must fit in a head");
static_assert(HttpLimits{}.urlBytesMax * 2 <= HttpLimits{}.headBytesMax, "the longest URL leaves room for fields");
static_assert(HttpLimits{}.lowWaterBytes < HttpLimits{}.pendingBytesMax);

}  // namespace weir::http
