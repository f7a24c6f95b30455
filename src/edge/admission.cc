#include "edge/admission.h"

#include <functional>

#include "edge/forwarding.h"
#include "edge/loop_counter.h"

namespace weir::edge {

namespace {

Admission page(uint16_t code, uint32_t retryAfterSeconds = 0) {
  return {Admission::Way::kPage, code, retryAfterSeconds, 0, nullptr};
}

const catalog::RoutedVersion* choose(const catalog::RoutedScript& script, const http::HeaderList& headers,
                                     std::string_view request) {
  if (script.versions.size() == 1) return &script.versions.front();
  const auto key = headers.find("Cloudflare-Workers-Version-Key");
  return script.pick(std::hash<std::string_view>()(key.value_or(request)));
}

}  // namespace

Admission admit(const catalog::Match& match, const http::HeaderList& headers, std::string_view request,
                base::Instant now, const base::Clock& clock) {
  using Kind = catalog::Match::Kind;
  switch (match.kind) {
    case Kind::kBadHost: return page(400);
    case Kind::kIpAddress: return page(1003);
    case Kind::kUnknownHost:
    case Kind::kNoScript: return page(1042);
    case Kind::kScript:
    case Kind::kOrigin:
    case Kind::kUndeployed: break;
  }
  if (match.account == nullptr) return page(1022);
  if (isForged(headers)) return page(1000);
  const catalog::RoutedAccount& account = *match.account;
  if (account.suspended) return page(1103);
  if (match.kind == Kind::kUndeployed) return page(1022);
  if (match.kind == Kind::kOrigin) return {Admission::Way::kOrigin, 0, 0, 0, nullptr};
  if (match.script->disabled) return page(1103);
  const uint8_t left = invocationsLeft(headers);
  if (left == 0) return page(1019);
  const catalog::PlanLimits& limits = account.limits;
  const bool metered = limits.requestsPerDay > 0;
  const double wallMs = metered ? clock.wallMs() : 0;
  const bool mayPassBy = match.failOpen && match.behind == nullptr;
  if (metered && mayPassBy && account.meter->daily.isExhausted(limits.requestsPerDay, wallMs)) {
    return {Admission::Way::kOrigin, 0, 0, 0, nullptr};
  }
  if (limits.burstPerMinute > 0) {
    const auto burst = account.meter->burst.take(static_cast<uint32_t>(limits.burstPerMinute), now);
    if (!burst.admitted) return page(1015, static_cast<uint32_t>(burst.retryAfter.count()));
  }
  if (metered && !account.meter->daily.take(limits.requestsPerDay, wallMs)) {
    if (mayPassBy) return {Admission::Way::kOrigin, 0, 0, 0, nullptr};
    return page(1027);
  }
  return {Admission::Way::kScript, 0, 0, left, match.preview ? nullptr : choose(*match.script, headers, request)};
}

const catalog::RoutedVersion* versionWithAssets(const catalog::Match& match, const http::HeaderList& headers,
                                                std::string_view request) {
  if (match.kind != catalog::Match::Kind::kScript || match.account->suspended || match.script->disabled ||
      match.script->versions.empty()) {
    return nullptr;
  }
  const auto* const version = choose(*match.script, headers, request);
  return version != nullptr && version->hasAssets ? version : nullptr;
}

}  // namespace weir::edge
