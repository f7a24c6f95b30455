// Bodies and parameters of the management API's endpoints that change what answers where and who may do what: whatever
// they say, the answer is one JSON object, a refusal has changed nothing, and what was taken is what the catalog says.
#include <boost/json.hpp>
#include <string>

#include "base/check.h"
#include "base/json_text.h"
#include "catalog/sqlite_catalog.h"
#include "control/api_table.h"
#include "input.h"
#include "target.h"

namespace {

using namespace weir;
namespace json = boost::json;

class FixedClock final : public base::Clock {
 public:
  base::Instant now() const override { return base::Instant{}; }
  double wallMs() const override { return 1'000'000; }
};

class CountingRandom final : public base::Random {
 public:
  void fill(std::span<std::byte> out) override {
    for (std::byte& byte : out) byte = static_cast<std::byte>((next_ += 0x9e3779b9u) >> 24);
  }

 private:
  uint32_t next_ = 1;
};

std::vector<control::Endpoint> endpointsUnderTest() {
  std::vector<control::Endpoint> all;
  for (const auto& list :
       {control::zoneEndpoints(), control::routeEndpoints(), control::domainEndpoints(), control::tokenEndpoints(),
        control::auditEndpoints(), control::triggerEndpoints(), control::accountEndpoints()}) {
    all.insert(all.end(), list.begin(), list.end());
  }
  return all;
}

// Everything that a refusal must leave as it was, in one text.
std::string stateOf(catalog::Catalog& catalog) {
  std::string state = std::to_string(catalog.audit({}).value().matching);
  const auto zones = catalog.zones(std::nullopt).value();
  for (const auto& zone : zones) {
    state += '\n' + zone.id + zone.name + (zone.origin ? catalog::formatOrigin(*zone.origin) : "");
    const auto routes = catalog.routes(zone.id).value();
    for (const auto& route : routes) state += ' ' + route.id + route.pattern + route.script.value_or("-");
  }
  const auto accounts = catalog.accounts().value();
  for (const auto& account : accounts) {
    state += '\n' + account.name + account.subdomain.value_or("-") + (account.suspended ? "suspended" : "");
    const auto domains = catalog.domains(account.id).value();
    for (const auto& domain : domains) state += ' ' + domain.hostname + domain.script;
  }
  const auto tokens = catalog.tokens(std::nullopt).value();
  for (const auto& token : tokens) state += '\n' + token.id + token.name;
  return state;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  static const auto endpoints = endpointsUnderTest();
  const FixedClock clock;
  CountingRandom random;
  auto opened = catalog::SqliteCatalog::open(":memory:", {clock, random});
  CHECK(opened.ok());
  catalog::SqliteCatalog& catalog = **opened;
  const std::string account = catalog.addAccount({"acme", catalog::Plan::kPaid, {}, "acme"}).value().id;
  const auto zone = catalog.addZone({account, "example.com", {}}).value();
  const std::string route = catalog.addRoute(zone.id, {"example.com/a*", "shop"}).value().id;
  const std::string domain = catalog.addDomain({account, "shop.example.com", "shop"}).value().id;
  catalog::NewToken wanted;
  wanted.name = "ci";
  wanted.scope.account = account;
  const std::string token = catalog.addToken(wanted).value().id;

  control::ApiRequest request;
  const control::Endpoint& endpoint = endpoints[input.byte() % endpoints.size()];
  request.principal.id = token;
  request.principal.accounts = {account};
  request.principal.everyAccount = input.flag();
  request.principal.mayWrite = true;
  // What is there, or anything.
  for (const auto& [name, known] : {std::pair<std::string_view, std::string>{"account", account},
                                    {"script", "shop"},
                                    {"zone", zone.id},
                                    {"route", route},
                                    {"domain", domain},
                                    {"token", token},
                                    {"environment", "production"},
                                    {"subdomain", "acme"}}) {
    // Those two are checked before an endpoint runs.
    const bool checked = name == "account" || name == "script";
    request.parameters.emplace_back(name, checked || input.flag() ? known : std::string(input.text()));
  }
  for (const char* name : {"page", "per_page", "since", "before", "direction", "name", "account.id", "replace_state"}) {
    if (input.flag()) request.query.emplace_back(name, std::string(input.text()));
  }
  // The account's id stands in for a mark, so that a body can name it.
  request.body = input.rest();
  for (size_t at = 0; (at = request.body.find("@A", at)) != std::string::npos; at += account.size())
    request.body.replace(at, 2, account);

  // None of these endpoints uploads anything: what uploads need is not there.
  alignas(control::UploadChecks) static std::byte checks[sizeof(control::UploadChecks)];
  alignas(sandbox::ProfileStore) static std::byte profiles[sizeof(sandbox::ProfileStore)];
  alignas(catalog::Keyring) static std::byte keys[sizeof(catalog::Keyring)];
  const control::ApiParts parts{clock,
                                random,
                                reinterpret_cast<control::UploadChecks&>(checks),
                                reinterpret_cast<const sandbox::ProfileStore&>(profiles),
                                reinterpret_cast<catalog::Keyring&>(keys),
                                [] {},
                                "workers.localhost",
                                [](std::string_view, std::string_view script) { return script == "shop"; }};
  control::ApiContext context{parts, catalog};
  const std::string before = stateOf(catalog);
  const auto made = endpoint.handle(context, request);
  const control::ApiAnswer answer = made.ok() ? *made : control::answer(made.error(), "");
  CHECK(base::isJson(answer.body, base::JsonKind::kObject));
  CHECK(json::parse(answer.body).at("success").as_bool() == made.ok());
  if (!made.ok()) {
    CHECK(made.error().status >= 400 && made.error().status < 600);
    CHECK(!made.error().message.empty());
    CHECK(stateOf(catalog) == before);
  } else if (std::string_view(endpoint.method) == "GET") {
    CHECK(stateOf(catalog) == before);
  }
  // Nobody was given more than the caller has.
  if (!request.principal.everyAccount) {
    const auto tokens = catalog.tokens(std::nullopt).value();
    for (const auto& each : tokens) CHECK(each.scope.account == account);
    const auto zones = catalog.zones(std::nullopt).value();
    CHECK(zones.size() == 1);
    CHECK(!zones[0].origin);
    const auto domains = catalog.domains(account).value();
    for (const auto& each : domains) CHECK(each.hostname.ends_with("example.com"));
  }
  return 0;
}
