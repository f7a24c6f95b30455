#include "control/result_schemas.h"

#include <boost/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace weir::control {

namespace json = boost::json;

namespace {

// The member's name, with a question mark behind it where it may be missing, and what it is.
using Members = std::vector<std::pair<std::string_view, json::object>>;

json::object text() { return {{"type", "string"}}; }
json::object time() { return {{"type", "string"}, {"format", "date-time"}}; }
json::object flag() { return {{"type", "boolean"}}; }
json::object whole() { return {{"type", "integer"}}; }
json::object number() { return {{"type", "number"}}; }
json::object one(std::string_view of) { return {{"const", of}}; }
json::object listOf(json::object items) { return {{"type", "array"}, {"items", std::move(items)}}; }
json::object reference(std::string_view name) { return {{"$ref", "#/components/schemas/" + std::string(name)}}; }
// Whatever was uploaded.
json::object anything() { return {}; }
json::object anyObject() { return {{"type", "object"}}; }

json::object orNull(json::object schema) {
  return {{"anyOf", json::array{std::move(schema), json::object{{"type", "null"}}}}};
}

json::object choice(std::initializer_list<std::string_view> of) {
  json::array all;
  for (const auto each : of) all.emplace_back(each);
  return {{"type", "string"}, {"enum", std::move(all)}};
}

json::object object(const Members& members) {
  json::object properties;
  json::array required;
  for (const auto& [name, schema] : members) {
    const bool optional = name.ends_with('?');
    const auto key = name.substr(0, name.size() - (optional ? 1 : 0));
    properties[key] = schema;
    if (!optional) required.emplace_back(key);
  }
  return {{"type", "object"}, {"required", std::move(required)}, {"properties", std::move(properties)}};
}

// ---- who asks, and what they reach

void addAccounts(json::object& all) {
  all["Id"] = object({{"id", text()}});
  all["User"] = object({{"id", text()}, {"email", text()}, {"username", text()}, {"suspended", flag()}});
  all["TokenState"] = object({{"id", text()}, {"status", one("active")}});
  all["Account"] = object({{"id", text()},
                           {"name", text()},
                           {"type", one("standard")},
                           {"settings", object({{"enforce_twofactor", flag()}})},
                           {"created_on", time()},
                           {"plan?", choice({"free", "paid"})},
                           {"suspended?", flag()},
                           {"subdomain?", orNull(text())}});
  all["Membership"] = object(
      {{"id", text()}, {"status", one("accepted")}, {"account", reference("Account")}, {"roles", listOf(text())}});
  const json::object group = object({{"id", text()}, {"name", text()}});
  const json::object policy = object(
      {{"id", text()}, {"effect", one("allow")}, {"resources", anyObject()}, {"permission_groups", listOf(group)}});
  all["Token"] = object({{"id", text()},
                         {"name", text()},
                         {"status", choice({"active", "expired"})},
                         {"issued_on", time()},
                         {"modified_on", time()},
                         {"policies", listOf(policy)},
                         {"expires_on?", time()},
                         {"last_used_on?", time()},
                         {"value?", text()}});
  all["TokenValue"] = text();
  all["PermissionGroup"] = object({{"id", text()}, {"name", text()}, {"scopes", listOf(text())}});
  all["AuditEntry"] = object(
      {{"id", text()},
       {"when", time()},
       {"action", object({{"type", text()}, {"info", text()}, {"result", flag()}})},
       {"actor",
        object({{"id", text()}, {"email", text()}, {"ip", text()}, {"type", choice({"user", "token", "system"})}})},
       {"interface", text()},
       {"metadata", anyObject()},
       {"owner", object({{"id?", text()}})},
       {"resource", object({{"id", text()}, {"type", text()}})}});
}

// ---- where a Worker answers

void addHosts(json::object& all) {
  all["Zone"] = object({{"id", text()},
                        {"name", text()},
                        {"status", one("active")},
                        {"paused", flag()},
                        {"type", one("full")},
                        {"development_mode", whole()},
                        {"name_servers", listOf(text())},
                        {"original_name_servers", listOf(text())},
                        {"created_on", time()},
                        {"modified_on", time()},
                        {"activated_on", time()},
                        {"account", object({{"id", text()}, {"name", text()}})},
                        {"owner", object({{"id", text()}, {"type", one("user")}, {"email", orNull(text())}})},
                        {"permissions", listOf(text())},
                        {"origin", orNull(text())}});
  all["Route"] = object({{"id", text()},
                         {"pattern", text()},
                         {"script", orNull(text())},
                         {"request_limit_fail_open", flag()},
                         {"zone_id?", text()},
                         {"zone_name?", text()}});
  const Members domain{{"id", text()},
                       {"hostname", text()},
                       {"service", text()},
                       {"environment", one("production")},
                       {"enabled", flag()},
                       {"previews_enabled", flag()},
                       {"zone_id", orNull(text())},
                       {"zone_name", orNull(text())}};
  all["Domain"] = object(domain);
  all["DomainChange"] = object({{"id?", text()},
                                {"hostname", text()},
                                {"service", text()},
                                {"environment", one("production")},
                                {"enabled", flag()},
                                {"previews_enabled", flag()},
                                {"modified?", flag()}});
  all["DomainChangeset"] = object({{"added", listOf(reference("DomainChange"))},
                                   {"removed", listOf(reference("Domain"))},
                                   {"updated", listOf(reference("DomainChange"))},
                                   {"conflicting", listOf(reference("Domain"))}});
  all["Subdomain"] = object({{"subdomain", text()}});
  all["ScriptSubdomain"] = object({{"enabled", flag()}, {"previews_enabled", flag()}});
  all["Schedules"] =
      object({{"schedules", listOf(object({{"cron", text()}, {"created_on", time()}, {"modified_on", time()}}))}});
}

// ---- Workers

void addScripts(json::object& all) {
  const json::object consumers = listOf(object({{"service", text()}, {"environment?", text()}}));
  // Whatever of it was set.
  all["Observability"] = anyObject();
  all["Binding"] = object({{"name", text()},
                           {"type", text()},
                           {"text?", text()},
                           {"json?", anything()},
                           {"service?", text()},
                           {"environment?", text()},
                           {"entrypoint?", text()},
                           {"props?", anyObject()},
                           {"namespace_id?", text()},
                           {"simple?", object({{"limit", whole()}, {"period", whole()}})},
                           {"part?", text()}});
  all["Binding"].as_object()["additionalProperties"] = true;  // it is kept as it was uploaded
  all["Script"] = object({{"id", text()},
                          {"tag", text()},
                          {"tags", listOf(text())},
                          {"created_on", time()},
                          {"modified_on", time()},
                          {"logpush", flag()},
                          {"tail_consumers", consumers},
                          {"observability?", reference("Observability")},
                          {"usage_model", one("standard")},
                          {"has_assets?", flag()},
                          {"has_modules?", flag()},
                          {"etag?", text()},
                          {"handlers?", listOf(text())},
                          {"last_deployed_from?", text()},
                          {"compatibility_date?", text()},
                          {"compatibility_flags?", listOf(text())},
                          {"startup_time_ms?", whole()},
                          {"deployment_id?", text()},
                          {"pipeline_hash?", text()}});
  const json::object limits = object({{"cpu_ms?", whole()}, {"subrequests?", whole()}});
  Members settings{{"logpush", flag()},
                   {"tail_consumers", orNull(consumers)},
                   {"streaming_tail_consumers", orNull(consumers)},
                   {"observability", orNull(reference("Observability"))},
                   {"placement", anyObject()},
                   {"tags", listOf(text())}};
  all["ScriptSettings"] = object(settings);
  for (const auto& [name, schema] : Members{{"usage_model", one("standard")},
                                            {"bindings", listOf(reference("Binding"))},
                                            {"compatibility_date?", text()},
                                            {"compatibility_flags?", listOf(text())},
                                            {"limits?", limits},
                                            {"annotations?", anyObject()}}) {
    settings.emplace_back(name, schema);
  }
  all["Settings"] = object(settings);
  all["Secret"] = object({{"name", text()}, {"type", one("secret_text")}});
  all["AssetsSession"] = object({{"jwt", text()}, {"buckets", listOf(listOf(text()))}});
  all["AssetsUpload"] = object({{"jwt?", text()}});

  const json::object script = object({{"etag", text()}, {"handlers", listOf(text())}, {"last_deployed_from", text()}});
  const json::object runtime = object({{"compatibility_date", text()},
                                       {"compatibility_flags", listOf(text())},
                                       {"usage_model", one("standard")},
                                       {"limits", limits}});
  all["Version"] =
      object({{"id", text()},
              {"number", whole()},
              {"metadata", object({{"created_on", time()},
                                   {"modified_on", time()},
                                   {"source", text()},
                                   {"author_email", text()},
                                   {"author_id", text()},
                                   {"has_preview", flag()}})},
              {"annotations", anyObject()},
              {"startup_time_ms", whole()},
              {"start", object({{"from", choice({"snapshot", "code-cache", "source"})}, {"reason", text()}})},
              {"resources",
               object({{"script", script}, {"script_runtime", runtime}, {"bindings", listOf(reference("Binding"))}})}});
  all["Versions"] = object({{"items", listOf(reference("Version"))}});
  all["Deployment"] = object({{"id", text()},
                              {"created_on", time()},
                              {"source", text()},
                              {"strategy", one("percentage")},
                              {"author_email", text()},
                              {"annotations", anyObject()},
                              {"versions", listOf(object({{"version_id", text()}, {"percentage", number()}}))}});
  all["Deployments"] = object({{"deployments", listOf(reference("Deployment"))}});
}

// ---- Workers by the names that other clients have for them

void addServices(json::object& all) {
  all["Environment"] = object({{"environment", one("production")},
                               {"created_on", time()},
                               {"modified_on", time()},
                               {"script", reference("Script")}});
  all["Service"] = object({{"id", text()},
                           {"created_on", time()},
                           {"modified_on", time()},
                           {"default_environment", reference("Environment")},
                           {"environments", listOf(object({{"environment", one("production")}}))}});
  const json::object user = object({{"service", text()}, {"environment", one("production")}});
  all["References"] = object(
      {{"services", object({{"incoming", listOf(user)}, {"outgoing", listOf(user)}, {"pages_function", flag()}})},
       {"durable_objects", listOf(anyObject())},
       {"dispatch_outbounds", listOf(anyObject())}});
  all["TailProducer"] = object({{"producer", user}});
  all["Worker"] = object(
      {{"id", text()},
       {"name", text()},
       {"created_on", time()},
       {"updated_on", time()},
       {"logpush", flag()},
       {"tags", listOf(text())},
       {"tail_consumers", listOf(object({{"service", text()}, {"environment?", text()}}))},
       {"subdomain",
        object({{"enabled", flag()}, {"previews_enabled", flag()}, {"url?", text()}, {"preview_url_suffix?", text()}})},
       {"observability?", reference("Observability")}});
  // There are none of these.
  all["Namespace"] = {{"not", json::object()}};
}

}  // namespace

json::object resultSchemas() {
  json::object all;
  addAccounts(all);
  addHosts(all);
  addScripts(all);
  addServices(all);
  return all;
}

json::object resultSchema(std::string_view name) {
  if (name == "null") return {{"type", "null"}};
  if (!name.ends_with("[]")) return reference(name);
  return listOf(reference(name.substr(0, name.size() - 2)));
}

}  // namespace weir::control
