// What the parts of a WebSocket share: roles, kinds, close codes and the bounds of the layer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir::http::websocket {

// Which end of the connection we are: a client masks what it sends (RFC 6455 §5.3).
enum class Role : uint8_t { kServer, kClient };

enum class MessageKind : uint8_t { kText, kBinary };

// Close codes that are never on the wire (RFC 6455 §7.4.1).
inline constexpr uint16_t kNoStatus = 1005;  // a close frame without a code
inline constexpr uint16_t kLost = 1006;      // no close frame at all

inline constexpr uint16_t kNormalClosure = 1000;
inline constexpr uint16_t kGoingAway = 1001;
inline constexpr uint16_t kProtocolError = 1002;
inline constexpr uint16_t kInvalidPayload = 1007;
inline constexpr uint16_t kTooBig = 1009;
inline constexpr uint16_t kInternalError = 1011;

// Whether a peer may send this code: the registered ones and those for applications.
constexpr bool isCloseCode(uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

inline constexpr size_t kControlBytesMax = 125;  // payload of a control frame
inline constexpr size_t kReasonBytesMax = kControlBytesMax - 2;

struct Limits {
  uint64_t messageBytesMax = 32u << 20;  // of one message, after inflation
  size_t pieceBytesMax = 32u << 10;      // a message is handed on in pieces of at most this
  size_t readBytesMax = 64u << 10;       // one read, and what is held of it while nobody takes pieces
  size_t lowWaterBytes = 64u << 10;      // a slow reader that has come down to here can take more

  std::chrono::milliseconds pingAfter{45'000};        // of silence
  std::chrono::milliseconds silenceMax{90'000};       // then the peer has gone
  std::chrono::milliseconds messageStallMax{30'000};  // between two pieces of one message, while they are taken
  std::chrono::milliseconds writeStallMax{60'000};    // no byte taken although some wait
  std::chrono::milliseconds closeMax{10'000};         // from our close frame to the peer's
  std::chrono::milliseconds lingerMax{2'000};         // from both close frames to the end of the connection
};
static_assert(Limits{}.pingAfter < Limits{}.silenceMax, "a silent peer is asked before it is given up");

// Why the connection is failed (RFC 6455 §7.1.7): the code for the peer, and one line for the log and the script.
struct Failure {
  uint16_t code;
  const char* reason;  // static
};

}  // namespace weir::http::websocket
