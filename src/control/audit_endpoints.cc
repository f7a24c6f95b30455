// The audit log: of an account, and of all that the caller operates.
#include <boost/json.hpp>

#include <algorithm>
#include <charconv>

#include "catalog/time_text.h"
#include "control/api_table.h"
#include "control/script_json.h"

namespace weir::control {

namespace json = boost::json;

namespace {

constexpr uint64_t kPageMax = 1'000;
constexpr uint64_t kPage = 100;

const char* typeOf(catalog::ActorKind kind) {
  switch (kind) {
    case catalog::ActorKind::kOperator: return "user";
    case catalog::ActorKind::kToken: return "token";
    case catalog::ActorKind::kPlatform: break;
  }
  return "system";
}

json::object shown(const catalog::AuditEntry& entry) {
  json::object owner;
  if (entry.account) owner["id"] = *entry.account;
  return {{"id", entry.id},
          {"when", isoTime(entry.atMs)},
          {"action", {{"type", entry.action}, {"info", entry.resource + " " + entry.name}, {"result", true}}},
          {"actor",
           {{"id", entry.actor.id},
            {"email", entry.actor.name},
            {"ip", entry.actor.address},
            {"type", typeOf(entry.actor.kind)}}},
          {"interface", entry.actor.via},
          {"metadata", parseObject(entry.detail)},
          {"owner", std::move(owner)},
          {"resource", {{"id", entry.name}, {"type", entry.resource}}}};
}

ApiResult answerLog(ApiContext& context, const ApiRequest& request, catalog::AuditQuery query) {
  // A token for some scripts is told nothing of the others.
  if (!request.principal.scripts.empty()) return notAllowed("reading the audit log of the account");
  const auto text = [&](const char* name) { return std::string(request.find(name).value_or("")); };
  query.id = text("id");
  query.action = text("action.type");
  query.actor = text("actor.email");
  query.address = text("actor.ip");
  query.resource = text("resource.type");
  query.name = text("resource.id");
  if (const auto direction = request.find("direction")) {
    if (*direction != "asc" && *direction != "desc") return malformedParameter("direction");
    query.oldestFirst = *direction == "asc";
  }
  for (const auto& [name, into] : {std::pair{"since", &query.sinceMs}, {"before", &query.beforeMs}}) {
    const auto time = request.find(name);
    if (!time) continue;
    *into = catalog::parseTime(*time);
    if (!*into) return malformedParameter(name);
  }
  Page page{1, kPage};
  for (const auto& [name, into] : {std::pair{"page", &page.number}, {"per_page", &page.size}}) {
    const auto number = request.find(name);
    if (!number) continue;
    const char* const end = number->data() + number->size();
    const auto read = std::from_chars(number->data(), end, *into);
    if (read.ec != std::errc() || read.ptr != end || *into == 0) return malformedParameter(name);
  }
  page.size = std::min<size_t>(page.size, kPageMax);
  if (page.number > catalog::kAuditCountMax) return malformedParameter("page");
  query.limit = page.size;
  query.offset = (page.number - 1) * page.size;
  auto found = context.catalog.audit(query);
  if (!found.ok()) return apiError(found.error());
  json::array all;
  for (const auto& entry : found->entries) all.push_back(shown(entry));
  return answerPage(std::move(all), page, found->matching);
}

ApiResult ofAccount(ApiContext& context, const ApiRequest& request) {
  catalog::AuditQuery query;
  query.account = request.account();
  return answerLog(context, request, query);
}

ApiResult ofAll(ApiContext& context, const ApiRequest& request) {
  catalog::AuditQuery query;
  if (!request.principal.everyAccount) {
    if (request.principal.accounts.size() != 1) return accountNotAllowed();
    query.account = request.principal.accounts.front();
  }
  return answerLog(context, request, query);
}

}  // namespace

std::vector<Endpoint> auditEndpoints() {
  return {
      {"GET",
       "accounts/:account/audit_logs?id&action.type&actor.email&actor.ip&resource.type&resource.id&direction&since&before&page&per_page",
       "List the changes of an account", "AuditEntry[]", ofAccount},
      {"GET",
       "user/audit_logs?id&action.type&actor.email&actor.ip&resource.type&resource.id&direction&since&before&page&per_page",
       "List the changes of every account that the caller reaches", "AuditEntry[]", ofAll}};
}

}  // namespace weir::control
