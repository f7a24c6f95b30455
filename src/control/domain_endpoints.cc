// Custom domains: of an account, and all of a script.
#include <boost/json.hpp>

#include <algorithm>

#include "catalog/hostname.h"
#include "control/api_table.h"
#include "control/paging.h"
#include "control/zone_access.h"

namespace weir::control {

namespace json = boost::json;

namespace {

constexpr size_t kDomainsMax = 1'000;  // in one request

json::object shown(ApiContext& context, const catalog::CustomDomain& domain) {
  json::object out{{"id", domain.id},           {"hostname", domain.hostname},
                   {"service", domain.script},  {"environment", "production"},
                   {"enabled", domain.enabled}, {"previews_enabled", domain.previews},
                   {"zone_id", nullptr},        {"zone_name", nullptr}};
  if (domain.zone) {
    auto zone = context.catalog.findZone(*domain.zone);
    out["zone_id"] = *domain.zone;
    if (zone.ok()) out["zone_name"] = zone->name;
  }
  return out;
}

// Null: the account has none of this name.
const catalog::CustomDomain* find(const std::vector<catalog::CustomDomain>& domains, std::string_view idOrHostname) {
  const auto found = std::find_if(domains.begin(), domains.end(), [&](const catalog::CustomDomain& domain) {
    return domain.id == idOrHostname || domain.hostname == idOrHostname;
  });
  return found == domains.end() ? nullptr : &*found;
}

// What a body says of one domain, of a host name that the caller may claim.
ApiTry<catalog::NewCustomDomain> domainIn(ApiContext& context, const ApiRequest& request, const json::value& entry,
                                          const std::string& script) {
  if (!entry.is_object()) return badBody("each custom domain must be an object with a hostname");
  const auto& body = entry.get_object();
  auto text = textMember(body, "hostname");
  if (!text.ok()) return text.error();
  if (!*text) return badBody("hostname is missing");
  const auto hostname = catalog::normalizeHostname(**text);
  if (!hostname) {
    return ApiError{
        400,
        static_cast<uint32_t>(catalog::Situation::kBadHostname),
        "The host name " + catalog::shown(**text) + " is none; write international names in their xn-- form.",
        {}};
  }
  auto enabled = flagMember(body, "enabled");
  if (!enabled.ok()) return enabled.error();
  auto previews = flagMember(body, "previews_enabled");
  if (!previews.ok()) return previews.error();
  auto named = namedZone(context, request.account(), body);
  if (!named.ok()) return named.error();
  if (*named && !catalog::isInZone(*hostname, (*named)->name)) {
    return ApiError{400,
                    static_cast<uint32_t>(catalog::Situation::kDomainOutsideZone),
                    "The host name " + *hostname + " is not in the zone " + (*named)->name + ".",
                    {}};
  }
  // An operator may give a script a host name that is in no zone at all.
  if (!request.principal.everyAccount) {
    auto zone = zoneFor(context, request.account(), *hostname);
    if (!zone.ok()) return zone.error();
  }
  return catalog::NewCustomDomain{request.account(), *hostname, script, enabled->value_or(true),
                                  previews->value_or(false)};
}

ApiTry<std::vector<catalog::NewCustomDomain>> domainsIn(ApiContext& context, const ApiRequest& request,
                                                        const json::value& list) {
  if (!list.is_array() || list.get_array().size() > kDomainsMax)
    return badBody("custom domains must be a list of at most 1000");
  std::vector<catalog::NewCustomDomain> domains;
  for (const auto& entry : list.get_array()) {
    auto domain = domainIn(context, request, entry, request.script());
    if (!domain.ok()) return domain.error();
    domains.push_back(std::move(domain).value());
  }
  return domains;
}

ApiResult list(ApiContext& context, const ApiRequest& request) {
  auto domains = context.catalog.domains(request.account());
  if (!domains.ok()) return apiError(domains.error());
  json::array all;
  for (const auto& domain : *domains) {
    json::object one = shown(context, domain);
    bool wanted = true;
    for (const char* name : {"hostname", "service", "zone_id", "zone_name", "environment"}) {
      const auto value = request.find(name);
      if (value && one[name] != json::value(*value)) wanted = false;
    }
    if (wanted) all.push_back(std::move(one));
  }
  return answerPaged(request, std::move(all));
}

ApiError noDomain() { return {404, 100114, "This custom domain does not exist on your account.", {}}; }

ApiResult show(ApiContext& context, const ApiRequest& request) {
  auto domains = context.catalog.domains(request.account());
  if (!domains.ok()) return apiError(domains.error());
  const auto* domain = find(*domains, request.parameter("domain"));
  if (domain == nullptr) return noDomain();
  return answer(shown(context, *domain));
}

// One more for the script that the body names; one that another script has is taken from it.
ApiResult attach(ApiContext& context, const ApiRequest& request) {
  auto body = jsonObjectBody(request.body);
  if (!body.ok()) return body.error();
  auto script = textMember(*body, "service");
  if (!script.ok()) return script.error();
  if (!*script) return badBody("service is missing: the name of the Worker");
  if (!request.principal.reachesScript(**script)) return notAllowed("this Worker");
  if (!scriptExists(context, request.account(), **script)) return workerNotFound();
  auto domain = domainIn(context, request, *body, **script);
  if (!domain.ok()) return domain.error();
  auto set = context.catalog.setDomains(request.account(), **script, {*domain}, {.fromOthers = true, .alone = false});
  if (!set.ok()) return apiError(set.error());
  context.parts.publish();
  return answer(shown(context, set->front()));
}

ApiResult remove(ApiContext& context, const ApiRequest& request) {
  auto domains = context.catalog.domains(request.account());
  if (!domains.ok()) return apiError(domains.error());
  const auto* domain = find(*domains, request.parameter("domain"));
  if (domain == nullptr) return noDomain();
  if (!request.principal.reachesScript(domain->script)) return notAllowed("this Worker");
  if (auto removed = context.catalog.removeDomain(request.account(), domain->id); !removed.ok())
    return apiError(removed.error());
  context.parts.publish();
  return answer(json::object{{"id", domain->id}});
}

// What setting these would change.
ApiResult changeset(ApiContext& context, const ApiRequest& request) {
  auto body = jsonBody(request.body);
  if (!body.ok()) return body.error();
  if (!scriptExists(context, request.account(), request.script())) return workerNotFound();
  auto wanted = domainsIn(context, request, *body);
  if (!wanted.ok()) return wanted.error();
  auto before = context.catalog.domains(request.account());
  if (!before.ok()) return apiError(before.error());
  json::array added;
  json::array removed;
  json::array updated;
  for (const auto& domain : *wanted) {
    const auto* known = find(*before, domain.hostname);
    json::object one{{"hostname", domain.hostname},
                     {"service", request.script()},
                     {"environment", "production"},
                     {"enabled", domain.enabled},
                     {"previews_enabled", domain.previews}};
    if (known == nullptr) {
      added.push_back(std::move(one));
      continue;
    }
    one["id"] = known->id;
    one["modified"] =
        known->script != domain.script || known->enabled != domain.enabled || known->previews != domain.previews;
    updated.push_back(std::move(one));
  }
  if (request.flag("replace_state")) {
    for (const auto& domain : *before) {
      const bool stays = std::any_of(wanted->begin(), wanted->end(), [&](const catalog::NewCustomDomain& each) {
        return each.hostname == domain.hostname;
      });
      if (domain.script == request.script() && !stays) removed.push_back(shown(context, domain));
    }
  }
  // Nothing here depends on DNS records.
  return answer(json::object{{"added", std::move(added)},
                             {"removed", std::move(removed)},
                             {"updated", std::move(updated)},
                             {"conflicting", json::array()}});
}

ApiResult setOfScript(ApiContext& context, const ApiRequest& request) {
  auto body = jsonObjectBody(request.body);
  if (!body.ok()) return body.error();
  if (!scriptExists(context, request.account(), request.script())) return workerNotFound();
  const auto* origins = body->if_contains("origins");
  if (origins == nullptr) return badBody("origins is missing: the list of custom domains");
  auto wanted = domainsIn(context, request, *origins);
  if (!wanted.ok()) return wanted.error();
  auto alone = flagMember(*body, "override_scope");
  if (!alone.ok()) return alone.error();
  auto fromOthers = flagMember(*body, "override_existing_origin");
  if (!fromOthers.ok()) return fromOthers.error();
  if (!request.principal.scripts.empty()) {
    auto before = context.catalog.domains(request.account());
    if (!before.ok()) return apiError(before.error());
    for (const auto& domain : *wanted) {
      const auto* known = find(*before, domain.hostname);
      if (known != nullptr && !request.principal.reachesScript(known->script))
        return notAllowed("taking a custom domain from " + known->script);
    }
  }
  auto set = context.catalog.setDomains(request.account(), request.script(), *wanted,
                                        {.fromOthers = fromOthers->value_or(false), .alone = alone->value_or(false)});
  if (!set.ok()) return apiError(set.error());
  context.parts.publish();
  json::array all;
  for (const auto& domain : *set) all.push_back(shown(context, domain));
  return answer(std::move(all));
}

}  // namespace

std::vector<Endpoint> domainEndpoints() {
  return {
      {"GET", "accounts/:account/workers/domains?hostname&service&zone_id&zone_name&environment&page&per_page",
       "List custom domains", "Domain[]", list},
      {"PUT", "accounts/:account/workers/domains", "Attach a custom domain to a Worker", "Domain", attach},
      {"GET", "accounts/:account/workers/domains/records?hostname&service&zone_id&zone_name&environment&page&per_page",
       "List custom domains", "Domain[]", list},
      {"GET", "accounts/:account/workers/domains/records/:domain", "Show a custom domain", "Domain", show},
      {"DELETE", "accounts/:account/workers/domains/records/:domain", "Detach a custom domain", "Id", remove},
      {"GET", "accounts/:account/workers/domains/:domain", "Show a custom domain", "Domain", show},
      {"DELETE", "accounts/:account/workers/domains/:domain", "Detach a custom domain", "Id", remove},
      {"POST", "accounts/:account/workers/scripts/:script/domains/changeset?replace_state",
       "Say what setting the custom domains of a Worker would change", "DomainChangeset", changeset},
      {"PUT", "accounts/:account/workers/scripts/:script/domains/records", "Set the custom domains of a Worker",
       "Domain[]", setOfScript}};
}

}  // namespace weir::control
