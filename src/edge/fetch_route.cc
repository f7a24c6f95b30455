#include "edge/fetch_route.h"

namespace weir::edge {

namespace {

using Kind = catalog::Match::Kind;
using Way = FetchRoute::Way;

constexpr uint16_t kSameZoneWorker = 1042;
constexpr uint16_t kOriginUnreachable = 523;

FetchRoute toOrigin(const catalog::Match& match, bool sameZone) {
  if (!match.zone->origin) return {Way::kError, kOriginUnreachable, sameZone, match.zone};
  return {Way::kOrigin, 0, sameZone, match.zone};
}

}  // namespace

FetchRoute routeFetch(const catalog::Routing& routing, const FetchFrom& from, const http::Url& url) {
  // A script that answers on every host would otherwise never get out.
  if (routing.everyHost() != nullptr) return {};
  const auto match =
      routing.find(url.authority(), url.https ? catalog::Scheme::kHttps : catalog::Scheme::kHttp, url.target);
  switch (match.kind) {
    case Kind::kUnknownHost:
    case Kind::kIpAddress:
    case Kind::kBadHost: return {};
    case Kind::kNoScript: return {Way::kFrontDoor, 0, false, nullptr};
    case Kind::kScript:
    case Kind::kUndeployed:
    case Kind::kOrigin: break;
  }
  const bool sameZone = match.zone != nullptr && match.zone->name == from.zone;
  const FetchRoute door{Way::kFrontDoor, 0, sameZone, match.zone};
  if (from.strictlyPublic || match.account == nullptr || match.account->suspended) return door;
  if (match.isWorkersDomain) {
    if (match.account->id != from.account) return door;
    return {Way::kError, kSameZoneWorker, true, nullptr};
  }
  if (match.kind == Kind::kOrigin) return toOrigin(match, sameZone);
  if (!sameZone || !match.isRoute) return door;  // a custom domain's script is the origin of its host
  const bool itself = match.script != nullptr && match.script->name == from.script && match.account->id == from.account;
  if (!itself) return {Way::kError, kSameZoneWorker, true, match.zone};
  if (match.behind != nullptr) return {Way::kBehind, 0, true, match.zone};
  return toOrigin(match, true);
}

}  // namespace weir::edge
