// What following a redirect makes of a request. https://fetch.spec.whatwg.org/#http-redirect-fetch
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/client.h"
#include "http/url.h"

namespace weir::edge {

// Whether a response with this status sends the client elsewhere, given a Location.
bool isRedirect(uint16_t status);

enum class RedirectRefusal {
  kBadLocation,   // not a URL that can be fetched
  kBodyIsStream,  // the body would have to be sent again, and is gone
};

struct Redirected {
  http::Url url;
  bool bodyDropped = false;  // the request goes on without its body
  bool bodyAgain = false;    // a streamed body has to come once more
};

// Changes `request` for the hop from `from` to what `location` says: method, body, and headers that must not reach
// another origin. Unchanged when refused. `refusal` is set exactly when the answer is nullopt. `replayable`: a streamed
// body can be had once more.
std::optional<Redirected> redirect(http::ClientRequest& request, const http::Url& from, uint16_t status,
                                   std::string_view location, bool replayable, RedirectRefusal& refusal);

}  // namespace weir::edge
