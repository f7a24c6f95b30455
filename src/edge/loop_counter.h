// LoopCounter: how many times scripts may still be invoked in the chain of requests that a request belongs to, as
// CF-EW-Via carries it. A chain begins with sixteen; each invocation leaves one less to the requests it makes. The
// platform writes the field on everything a script sends, so a script can neither set it nor get rid of it.
//
// A request that a script lets through to the origin goes as it came and has no such field; that it went out from here
// is in CDN-Loop (forwarding.h). Each time counts as an invocation too.
#pragma once

#include <cstdint>
#include <string>

#include "edge/call_chain.h"
#include "http/header_list.h"

namespace weir::edge {

inline constexpr std::string_view kLoopCounterField = "CF-EW-Via";

// Invocations that a request with these fields may still cause. A value that is no number can only come from somebody
// who tampers with it: none are left.
uint8_t invocationsLeft(const http::HeaderList& headers);

// Sets what a request made by an invocation carries, whatever is there; `left` as that invocation found it, at least 1.
void countDown(http::HeaderList& headers, uint8_t left);

}  // namespace weir::edge
