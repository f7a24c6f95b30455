// The numbered error that stands for what went wrong between this platform and an origin, whoever asked it: a client or
// a script.
#pragma once

#include <cstdint>

#include "http/client.h"

namespace weir::edge {

inline uint16_t errorCodeOf(const http::ClientError& error) {
  switch (error.kind) {
    case http::ClientErrorKind::kBadRequest: return 400;
    case http::ClientErrorKind::kDns: return 1016;
    case http::ClientErrorKind::kRefused: return error.refusal;
    case http::ClientErrorKind::kConnect: return 521;
    case http::ClientErrorKind::kConnectTimeout: return 522;
    case http::ClientErrorKind::kUnreachable: return 523;
    case http::ClientErrorKind::kTls: return 525;
    case http::ClientErrorKind::kCertificate: return 526;
    case http::ClientErrorKind::kResponseTimeout: return 524;
    case http::ClientErrorKind::kOverloaded: return 1200;
    case http::ClientErrorKind::kStalled:
    case http::ClientErrorKind::kLost:
    case http::ClientErrorKind::kProtocol: return 520;
  }
  return 520;
}

}  // namespace weir::edge
