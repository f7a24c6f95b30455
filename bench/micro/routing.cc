// What a request costs before its script runs, and what it costs to know 100,000 routes.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "catalog/routing_model.h"
#include "catalog/sqlite_catalog.h"
#include "catalog/test_fakes.h"
#include "edge/admission.h"

namespace weir {
namespace {

constexpr size_t kRoutesPerZone = 1000;

std::string zoneName(size_t zone) { return "zone" + std::to_string(zone) + ".example.com"; }

// By turns a host, a path, a suffix of hosts, a whole zone's path: what people write.
std::string pattern(size_t zone, size_t route) {
  const std::string number = std::to_string(route);
  switch (route % 4) {
    case 0: return "host" + number + "." + zoneName(zone) + "/*";
    case 1: return "www." + zoneName(zone) + "/path/" + number + "/*";
    case 2: return "*.below" + number + "." + zoneName(zone) + "/*";
    default: return zoneName(zone) + "/" + number;
  }
}

struct Asked {
  std::string host;
  std::string target;
};
Asked asks(size_t zone, size_t route) {
  const std::string number = std::to_string(route);
  switch (route % 4) {
    case 0: return {"host" + number + "." + zoneName(zone), "/any?thing"};
    case 1: return {"www." + zoneName(zone), "/path/" + number + "/x"};
    case 2: return {"a.below" + number + "." + zoneName(zone), "/"};
    default: return {zoneName(zone), "/" + number};
  }
}

catalog::RoutingRows rowsOf(size_t routes, catalog::Plan plan) {
  catalog::RoutingRows rows;
  catalog::Account account;
  account.id = account.name = "acme";
  account.subdomain = "acme";
  account.plan = plan;
  if (plan == catalog::Plan::kFree)
    account.overrides = {{"requests_per_day", 1u << 30}, {"burst_per_minute", 1u << 30}};
  rows.accounts = {account};
  rows.scripts = {{"acme", "hello", false, true, {{1, "v1", catalog::kWholeShare, false}}}};
  for (size_t i = 0; i < routes; ++i) {
    const size_t number = i / kRoutesPerZone;
    if (i % kRoutesPerZone == 0) {
      catalog::Zone zone;
      zone.id = "z" + std::to_string(number);
      zone.account = "acme";
      zone.name = zoneName(number);
      rows.zones.push_back(zone);
    }
    rows.routes.push_back({"r" + std::to_string(i), "z" + std::to_string(number), pattern(number, i), "hello", false});
  }
  return rows;
}

// Routing and admission of one request, with and without quotas; argument: how many routes there are.
void routeAndAdmit(benchmark::State& state, catalog::Plan plan) {
  const auto routes = static_cast<size_t>(state.range(0));
  catalog::RoutingModel model({.hashSeed = 1});
  model.apply(rowsOf(routes, plan));
  const auto routing = model.build();
  const base::SystemClock clock;
  std::mt19937 random(7);
  std::vector<Asked> requests;
  for (int i = 0; i < 4096; ++i) {
    const size_t route = random() % routes;
    requests.push_back(asks(route / kRoutesPerZone, route));
  }
  const http::HeaderList headers{{"host", "x"}, {"user-agent", "bench"}, {"accept", "*/*"}};
  const auto now = clock.now();
  size_t at = 0;
  size_t ran = 0;
  for ([[maybe_unused]] auto _ : state) {  // NOLINT(clang-analyzer-deadcode.DeadStores)
    const Asked& asked = requests[at++ & 4095];
    const auto match = routing->find(asked.host, catalog::Scheme::kHttp, asked.target);
    const auto admission = edge::admit(match, headers, "0123456789abcdef", now, clock);
    ran += admission.way == edge::Admission::Way::kScript;
  }
  if (ran != static_cast<size_t>(state.iterations())) state.SkipWithError("a request did not reach its script");
}
BENCHMARK_CAPTURE(routeAndAdmit, paid, catalog::Plan::kPaid)->Arg(1)->Arg(10'000)->Arg(100'000);
BENCHMARK_CAPTURE(routeAndAdmit, metered, catalog::Plan::kFree)->Arg(1)->Arg(10'000)->Arg(100'000);

// From the file to a snapshot that loops route by; argument: how many routes there are.
void loadRoutes(benchmark::State& state) {
  const auto routes = static_cast<size_t>(state.range(0));
  std::string folder = (std::filesystem::temp_directory_path() / "weir-bench-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return state.SkipWithError("no temporary folder");
  const base::SystemClock clock;
  catalog::SeededRandom random;
  {
    auto opened = catalog::SqliteCatalog::open(folder + "/catalog.db", {clock, random});
    if (!opened.ok()) return state.SkipWithError(opened.error().message.c_str());
    auto& catalog = **opened;
    const std::string account = catalog.addAccount({"acme", catalog::Plan::kPaid, {}, "acme"}).value().id;
    auto& db = catalog.connection();
    (void)db.execute("BEGIN");
    for (size_t i = 0; i < routes; ++i) {
      const std::string zone = "z" + std::to_string(i / kRoutesPerZone);
      if (i % kRoutesPerZone == 0) {
        (void)db.execute("INSERT INTO zones VALUES (?, ?, ?, NULL, 0, 0)", zone, account, zoneName(i / kRoutesPerZone));
      }
      const auto inserted = db.execute("INSERT INTO routes VALUES (?, ?, ?, 'hello', 0)", "r" + std::to_string(i), zone,
                                       pattern(i / kRoutesPerZone, i));
      if (!inserted.ok()) return state.SkipWithError("a route cannot be inserted");
    }
    (void)db.execute("COMMIT");
  }
  size_t nodes = 0;
  for ([[maybe_unused]] auto _ : state) {  // NOLINT(clang-analyzer-deadcode.DeadStores)
    auto catalog = catalog::SqliteCatalog::open(folder + "/catalog.db", {clock, random});
    auto rows = (*catalog)->routingRows();
    if (!rows.ok() || rows->routes.size() != routes) {
      state.SkipWithError("the routes are not there");
      break;
    }
    catalog::RoutingModel model({.hashSeed = 1});
    model.apply(*rows);
    nodes = model.build()->nodeCount();
  }
  state.counters["names"] = static_cast<double>(nodes);
  std::filesystem::remove_all(folder);
}
BENCHMARK(loadRoutes)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir

BENCHMARK_MAIN();
