#include "edge/redirect.h"

namespace weir::edge {

bool isRedirect(uint16_t status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::optional<Redirected> redirect(http::ClientRequest& request, const http::Url& from, uint16_t status,
                                   std::string_view location, bool replayable, RedirectRefusal& refusal) {
  const auto target = from.resolve(location);
  if (!target) {
    refusal = RedirectRefusal::kBadLocation;
    return std::nullopt;
  }
  Redirected result{*target, false, false};
  const bool becomesGet = ((status == 301 || status == 302) && request.method == "POST") ||
                          (status == 303 && request.method != "GET" && request.method != "HEAD");
  if (becomesGet) {
    request.method = "GET";
    result.bodyDropped = request.bodyKind != http::RequestBody::kNone;
    request.bodyKind = http::RequestBody::kNone;
    request.body.clear();
    request.contentLength.reset();
    for (const char* name : {"content-encoding", "content-language", "content-location", "content-type"}) {
      request.headers.remove(name);
    }
  } else if (request.bodyKind == http::RequestBody::kStreamed) {
    if (!replayable) {
      refusal = RedirectRefusal::kBodyIsStream;
      return std::nullopt;
    }
    result.bodyAgain = true;
  }
  if (!from.sameOrigin(*target)) {
    // Authorization is the standard's; a cookie or proxy credential set by hand is no less the first origin's.
    for (const char* name : {"authorization", "cookie", "proxy-authorization"}) request.headers.remove(name);
  }
  return result;
}

}  // namespace weir::edge
