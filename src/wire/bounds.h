// The bounds of the wire, together. Both sides build with them; the platform enforces them on what an engine sends.
#pragma once

#include <cstdint>

namespace weir::wire {

inline constexpr uint32_t kWireVersion = 5;

struct Bounds {
  static constexpr uint32_t kEventRingBytes = 4u << 20;
  static constexpr uint32_t kEffectRingBytes = 4u << 20;
  static constexpr uint32_t kMessageBytesMax = 512u << 10;  // one record in a ring, header included
  static constexpr uint32_t kHeadBytesMax = 160u << 10;     // all header names and values of one message
  static constexpr uint32_t kHeaderCountMax = 1024;
  static constexpr uint32_t kUrlBytesMax = 32u << 10;
  static constexpr uint32_t kMethodBytesMax = 64;
  static constexpr uint32_t kStatusTextBytesMax = 1024;
  static constexpr uint32_t kInlineBodyBytesMax = 64u << 10;  // larger complete bodies travel as chunks
  static constexpr uint32_t kChunkBytesMax = 64u << 10;
  static constexpr uint32_t kStreamWindowBytes = 256u << 10;  // bytes in flight per stream and direction
  static constexpr uint32_t kSocketWindowBytes = 64u << 10;   // of message pieces in flight per WebSocket and direction
  static constexpr uint32_t kSocketMessageBytesMax = 32u << 20;
  static constexpr uint32_t kSocketReasonBytesMax = 123;  // of a close frame
  static constexpr uint32_t kLogBytesMax = 256u << 10;
  static constexpr uint32_t kTextBytesMax = 64u << 10;  // a name, message or stack
  static constexpr uint32_t kNameBytesMax = 256;
  static constexpr uint32_t kRateKeyBytesMax = 32u << 10;  // as long as a URL, which it often is
  static constexpr uint32_t kHandlersMax = 64;
  static constexpr uint32_t kHandlerNameBytesMax = 64;
  static constexpr uint32_t kSubrequestsMax = 10'000'000;
  static constexpr uint32_t kProfileBytesMax = 4u << 20;  // of a start that took too long
  static constexpr uint32_t kImageBytesMax = 64u << 20;   // a heap snapshot or code cache of a version
};

static_assert(Bounds::kHeadBytesMax + Bounds::kInlineBodyBytesMax + Bounds::kUrlBytesMax + 2 * Bounds::kTextBytesMax +
                      (32u << 10) <
                  Bounds::kMessageBytesMax,
              "a request with the largest head and inline body fits one message");
static_assert(Bounds::kMessageBytesMax * 4 <= Bounds::kEventRingBytes,
              "a ring holds several of the largest messages, so a writer makes progress");

}  // namespace weir::wire
