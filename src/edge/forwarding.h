// The header fields that the platform adds to, changes in and takes from messages it passes on between a client and an
// origin (reference/error-codes.md §3.5). Pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/message.h"

namespace weir::edge {

// CDN-Loop (RFC 8586) holds one element of ours for each time a request went out from here.
inline constexpr std::string_view kCdnName = "weir";
inline constexpr size_t kForwardingsMax = 16;

inline constexpr std::string_view kCdnLoopField = "CDN-Loop";

// How often the request came through here already; the second, by the value of one such field.
size_t forwardings(const http::HeaderList& headers);
size_t forwardingsIn(std::string_view cdnLoop);

struct ForwardedBy {
  std::string_view ray;  // 16 hex digits
  std::string_view clientIp;
  bool tls = false;
};

// What an origin gets of a client's request: its own fields but those of the connection and those that speak for the
// platform, which are set: Host, CDN-Loop, CF-Ray, CF-Connecting-IP, CF-IPCountry, CF-Visitor, X-Forwarded-For,
// X-Forwarded-Proto. CF-EW-Via stays as it came: passing on is no invocation.
http::HeaderList forwardedRequest(const http::RequestHead& head, const ForwardedBy& by);

// Where a script's request goes.
enum class Toward : uint8_t {
  kOutside,    // past the platform's zones
  kOtherZone,  // of this platform
  kOwnZone,
};

struct ScriptRequestBy {
  std::string_view ray;
  std::string_view zone;      // CF-Worker
  std::string_view clientIp;  // of the request the script handles; empty: there is none
};

// What stands for the client towards other zones: they get no address of it.
inline constexpr std::string_view kOtherZoneClientIp = "2a06:98c0:3600::103";

// Sets the fields of a script's request that only the platform may: CF-Ray, CF-Worker, CDN-Loop, CF-Connecting-IP, and
// X-Real-IP, which the own zone alone gets and which says there who the client is. CF-EW-Via is loop_counter.h's.
void signScriptRequest(http::HeaderList& headers, const ScriptRequestBy& by, Toward toward);
// Behind that, towards a zone's origin: what forwardedRequest sets beyond.
void addressToOrigin(http::HeaderList& headers, std::string_view authority, bool https);

// Whether a client's request carries fields that only this platform, or one proxy before it, may have set: a
// CF-Connecting-IP, a second X-Forwarded-For or one that is too long for addresses: error 1000. One with CF-EW-Via was
// sent by a script here and is back through a proxy; its loop counter ends it.
bool isForged(const http::HeaderList& headers);

// What a client gets of an origin's response: its own fields but those of the connection and X-Accel-….
http::HeaderList forwardedResponse(const http::ResponseHead& head);

}  // namespace weir::edge
