// The header fields that the platform adds to, changes in and takes from messages it passes on between a client and an
// origin (reference/error-codes.md §3.5). Pure functions.
#pragma once

#include <string_view>

#include "http/message.h"

namespace weir::edge {

// CDN-Loop (RFC 8586) holds one element of ours for each time a request went out from here.
inline constexpr std::string_view kCdnName = "weir";
inline constexpr size_t kForwardingsMax = 16;

// How often the request came through here already.
size_t forwardings(const http::HeaderList& headers);

struct ForwardedBy {
  std::string_view ray;  // 16 hex digits
  std::string_view clientIp;
  bool tls = false;
};

// What an origin gets of a client's request: its own fields but those of the connection and those that speak for the
// platform, which are set: Host, CDN-Loop, CF-Ray, CF-Connecting-IP, CF-IPCountry, CF-Visitor, X-Forwarded-For,
// X-Forwarded-Proto. CF-EW-Via stays as it came: passing on is no invocation.
http::HeaderList forwardedRequest(const http::RequestHead& head, const ForwardedBy& by);

// What a client gets of an origin's response: its own fields but those of the connection and X-Accel-….
http::HeaderList forwardedResponse(const http::ResponseHead& head);

}  // namespace weir::edge
