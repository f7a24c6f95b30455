// The opening handshake (RFC 6455 §4): heads that ask, answer and are checked.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "http/websocket/deflate.h"

namespace weir::http::websocket {

inline constexpr std::string_view kProtocol = "websocket";  // value of Upgrade

// Value of Sec-WebSocket-Accept for a key.
std::string acceptKey(std::string_view key);

// Whether the fields ask for, or agree to, a WebSocket: an Upgrade field with that token.
bool namesWebSocket(const HeaderList& headers);

// What a client asked for, checked; views borrow from the head.
struct Ask {
  std::string_view key;
  std::optional<DeflateAnswer> deflate;  // the offer that we take
};

// The request as a handshake. A refusal is 400, or 426 for another version (answer it with Sec-WebSocket-Version).
base::Result<Ask, Refusal> readAsk(const RequestHead& head);

// Fields of the 101 response, in place of any that `headers` has under these names. Upgrade and Connection are the
// server's (Exchange::upgrade).
void setAnswer(const Ask& ask, HeaderList& headers);

// Fields of a request that asks, in place of any that `headers` has; `key` is 16 random bytes. permessage-deflate is
// offered when `headers` names it.
struct Offer {
  std::string accept;  // what the server must answer
  bool deflate = false;
};
Offer setOffer(std::string_view key, HeaderList& headers);

// Checks a 101 response to `offer`. The error says what the server got wrong; the connection must be dropped then.
base::Result<std::optional<DeflateParameters>> readAgreement(const ResponseHead& head, const Offer& offer);

}  // namespace weir::http::websocket
