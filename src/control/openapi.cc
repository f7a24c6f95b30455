#include "control/openapi.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>

#include "base/check.h"
#include "control/api_table.h"
#include "control/result_schemas.h"

namespace weir::control {

namespace json = boost::json;

namespace {

struct Parameter {
  std::string_view name;
  std::string_view description;
};

// Of paths and queries, in the order of their names.
constexpr Parameter kParameters[] = {
    {"account", "The id of an account"},
    {"account.id", "Of this account alone"},
    {"action.type", "Of this kind alone"},
    {"actor.email", "By this actor alone"},
    {"actor.ip", "From this address alone"},
    {"base64", "true: the files are base64 text"},
    {"before", "Before this time (RFC 3339)"},
    {"cursor", "Where the last answer ended: its result_info.cursor"},
    {"deployable", "Read by clients; every version is deployable"},
    {"deployment", "The id of a deployment"},
    {"direction", "asc or desc, by time"},
    {"domain", "The id of a custom domain"},
    {"environment", "Of this environment; there is one, production"},
    {"force", "true: whatever stands against it"},
    {"hostname", "Of this host name alone"},
    {"id", "This one alone"},
    {"name", "Of this name alone"},
    {"namespace", "The name of a dispatch namespace"},
    {"page", "Which page, from 1"},
    {"per_page", "How many on a page"},
    {"replace_state", "true: those that are not named go"},
    {"resource.id", "Of the resource of this name alone"},
    {"resource.type", "Of this kind of resource alone"},
    {"route", "The id of a route"},
    {"script", "The name of a Worker"},
    {"secret", "The name of a secret"},
    {"service", "Of this Worker alone"},
    {"since", "From this time on (RFC 3339)"},
    {"subdomain", "The name of a subdomain"},
    {"token", "The id of a token"},
    {"version", "The id of a version"},
    {"zone", "The id of a zone, or its name"},
    {"zone_id", "In the zone of this id alone"},
    {"zone_name", "In the zone of this name alone"},
};

std::string_view descriptionOf(std::string_view parameter) {
  const auto* const at = std::find_if(std::begin(kParameters), std::end(kParameters),
                                      [&](const Parameter& each) { return each.name == parameter; });
  CHECK(at != std::end(kParameters));
  return at->description;
}

json::object parameter(std::string_view name, std::string_view in) {
  json::object out{{"name", name},
                   {"in", in},
                   {"description", descriptionOf(name)},
                   {"schema", {{"type", name == "page" || name == "per_page" ? "integer" : "string"}}}};
  if (in == "path") out["required"] = true;
  return out;
}

template <class Take>
void forEachPart(std::string_view text, char separator, Take take) {
  while (!text.empty()) {
    const size_t end = text.find(separator);
    take(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
}

// An endpoint's pattern, as the document has it.
struct Place {
  std::string path = "";       // "/accounts/{account}/tokens"
  std::string operation = "";  // "AccountsByAccountTokens"
  std::string resource = "";   // the part that says what it is about
  json::array parameters = {};
};

Place placeOf(std::string_view pattern) {
  Place place;
  const size_t mark = pattern.find('?');
  bool named = false;
  forEachPart(pattern.substr(0, mark), '/', [&](std::string_view segment) {
    const bool isParameter = segment[0] == ':';
    if (isParameter) segment.remove_prefix(1);
    place.path.append(isParameter ? "/{" : "/").append(segment).append(isParameter ? "}" : "");
    place.operation += isParameter ? "By" : "";
    bool upper = true;
    for (const char c : segment) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) {
        upper = true;
        continue;
      }
      place.operation += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
      upper = false;
    }
    if (isParameter) {
      place.parameters.push_back(parameter(segment, "path"));
    } else if (!named) {
      place.resource = segment;
      named = segment != "accounts" && segment != "workers";
    }
  });
  if (mark != std::string_view::npos) {
    forEachPart(pattern.substr(mark + 1), '&',
                [&](std::string_view name) { place.parameters.push_back(parameter(name, "query")); });
  }
  return place;
}

json::object reference(std::string_view name) { return {{"$ref", "#/components/schemas/" + std::string(name)}}; }

json::object content(std::string_view media, json::object schema) { return {{media, {{"schema", std::move(schema)}}}}; }

// Of what an endpoint answers when it does what it is asked.
json::object resultContent(std::string_view result) {
  if (result == "raw") return content("*/*", json::object());
  const json::object own{{"properties", {{"result", resultSchema(result)}}}};
  return content("application/json", {{"allOf", json::array{reference("Envelope"), own}}});
}

json::object operationOf(const Endpoint& endpoint, Place place) {
  const std::string_view method = endpoint.method;
  const bool reads = method == "GET" || endpoint.access == Access::kRead;
  std::string id(method);
  std::transform(id.begin(), id.end(), id.begin(), [](unsigned char c) { return std::tolower(c); });
  json::object out{{"operationId", id + place.operation},
                   {"summary", endpoint.summary},
                   {"tags", json::array{place.resource}},
                   {"parameters", std::move(place.parameters)}};
  json::array security;
  if (endpoint.access != Access::kOpen) {
    const json::array scope{reads ? "read" : "write"};
    security = {json::object{{"token", scope}}, json::object{{"key", scope}, {"email", scope}}};
  }
  out["security"] = std::move(security);
  if (method != "GET" && method != "DELETE") {
    out["requestBody"] = {{"content", endpoint.takes == Media::kForm
                                          ? content("multipart/form-data", {{"type", "object"}})
                                          : content("application/json", {{"type", json::array{"object", "array"}}})}};
  }
  json::object responses;
  if (endpoint.result != nullptr)
    responses["2XX"] = {{"description", "Done"}, {"content", resultContent(endpoint.result)}};
  responses["4XX"] = {{"description", "Refused"}, {"content", content("application/json", reference("Failure"))}};
  responses["5XX"] = {{"description", "Failed"}, {"content", content("application/json", reference("Failure"))}};
  out["responses"] = std::move(responses);
  return out;
}

json::object objectOf(json::object properties, json::array required) {
  return {{"type", "object"}, {"required", std::move(required)}, {"properties", std::move(properties)}};
}

json::object envelopeSchemas() {
  const json::object messages{{"type", "array"}, {"items", reference("Message")}};
  const json::object info = objectOf({{"page", {{"type", "integer"}}},
                                      {"per_page", {{"type", "integer"}}},
                                      {"count", {{"type", "integer"}}},
                                      {"total_count", {{"type", "integer"}}},
                                      {"total_pages", {{"type", "integer"}}},
                                      {"cursor", {{"type", "string"}}}},
                                     {});
  return {{"Message", objectOf({{"code", {{"type", "integer"}}},
                                {"message", {{"type", "string"}}},
                                {"documentation_url", {{"type", "string"}}},
                                {"error_chain", messages}},
                               {"message"})},
          {"Envelope", objectOf({{"success", {{"const", true}}},
                                 {"result", json::object()},
                                 {"errors", messages},
                                 {"messages", messages},
                                 {"result_info", info}},
                                {"success", "result", "errors", "messages"})},
          {"Failure", objectOf({{"success", {{"const", false}}},
                                {"result", {{"type", "null"}}},
                                {"errors", messages},
                                {"messages", messages}},
                               {"success", "errors"})}};
}

json::object schemas() {
  json::object all = resultSchemas();
  for (const auto& [name, schema] : envelopeSchemas()) all[name] = schema;
  return all;
}

ApiResult document(ApiContext&, const ApiRequest&) {
  static const std::string text = json::serialize(describeApi(apiEndpoints()));
  ApiAnswer made;
  made.body = text;
  return made;
}

}  // namespace

json::object describeApi(std::span<const Endpoint> endpoints) {
  json::object paths;
  for (const auto& endpoint : endpoints) {
    Place place = placeOf(endpoint.pattern);
    std::string method(endpoint.method);
    std::transform(method.begin(), method.end(), method.begin(), [](unsigned char c) { return std::tolower(c); });
    const std::string path = place.path;
    auto& operations = paths.emplace(path, json::object()).first->value().as_object();
    operations[method] = operationOf(endpoint, std::move(place));
  }
  const json::object schemes{
      {"token", {{"type", "http"}, {"scheme", "bearer"}, {"description", "An API token"}}},
      {"key", {{"type", "apiKey"}, {"in", "header"}, {"name", "X-Auth-Key"}, {"description", "An API token"}}},
      {"email", {{"type", "apiKey"}, {"in", "header"}, {"name", "X-Auth-Email"}, {"description", "Whose it is"}}}};
  return {
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "weir management API"},
        {"version", "4"},
        {"license", {{"name", "see the project's licence"}}},
        {"description",
         "Of every operation: path, parameters, and under `security` whether a token that may only read is enough."}}},
      {"servers", json::array{json::object{{"url", ApiRouter::kBase}}}},
      {"paths", std::move(paths)},
      {"components", {{"securitySchemes", schemes}, {"schemas", schemas()}}}};
}

std::vector<Endpoint> documentEndpoints() {
  return {Endpoint{"GET", "openapi.json", "Describe the management API, as this document", "raw", document,
                   kJsonBodyBytesMax, Access::kOpen}};
}

}  // namespace weir::control
