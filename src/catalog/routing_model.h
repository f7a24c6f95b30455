// RoutingModel: what routing snapshots are built from. It takes rows as they change and compiles only what they
// concern.
//
// Threads: one at a time (the catalog's); the snapshots it makes are for everybody.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "catalog/routing.h"
#include "catalog/routing_rows.h"

namespace weir::catalog {

// How routing numbers the catalog's versions: evenly, so that configured ones can have the odd numbers.
constexpr uint64_t routedNumber(uint64_t catalogNumber) { return catalogNumber * 2; }

// Scripts that a configuration file names rather than the catalog: they belong to one account and hide its scripts of
// the same name.
struct ConfiguredScripts {
  struct Script {
    std::string name;
    uint64_t number = 0;  // of its version; odd
    std::string versionId;
  };
  std::string account;  // id
  std::vector<Script> scripts;
  std::optional<std::string> everyHost;  // the one that answers on every host (`weir dev`)
};

class RoutingModel {
 public:
  struct Options {
    std::string workersDomain = "workers.localhost";  // beside workers.dev
    uint64_t hashSeed = 0;                            // unknown to tenants
    // The account that owns configured scripts where the catalog has none of that id.
    std::string soleAccountSubdomain = "local";
    // One meter per account id, the same each time. Null: the model makes them.
    std::function<std::shared_ptr<AccountMeter>(const std::string& account)> meterOf = {};
  };
  explicit RoutingModel(Options options);
  ~RoutingModel();

  void apply(const RoutingRows& rows);
  void configure(ConfiguredScripts scripts);

  std::shared_ptr<const Routing> build();

  // Patterns and origins that could not be read: written by something else than this catalog. They route nowhere.
  size_t unreadable() const { return unreadable_; }

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};

  struct ScriptState {
    uint32_t index = 0;
    uint32_t references = 0;  // by routes, domains, and itself while it has a row or is configured
    std::string account;
    std::string name;
    std::optional<ScriptRow> row;
    std::optional<ConfiguredScripts::Script> configured;
    std::vector<uint64_t> versions;  // that hold a slot
  };
  struct ZoneState {
    uint32_t index = 0;
    Zone row;
    std::vector<std::string> scripts;  // keys its routes refer to
  };
  struct DomainState {
    std::shared_ptr<const std::string> name;
    uint64_t hash = 0;
    std::string script;  // key
  };

  uint64_t hashOf(std::string_view name) const;
  void clearRows();
  void applyAccount(const Account& row);
  void dropAccount(const std::string& id);
  uint32_t accountIndex(const std::string& id);
  void applyScript(const ScriptRow& row);
  void dropScriptRow(const std::string& key);
  void refreshScript(ScriptState& state);
  uint32_t refer(const std::string& account, const std::string& name);
  void release(const std::string& key);
  void applyZone(const Zone& row, const std::vector<const Route*>& routes);
  void dropZone(const std::string& id);
  void applyDomain(const CustomDomain& row);
  void dropDomain(const std::string& hostname);
  uint32_t takeVersionSlot(uint64_t number);

  const Options options_;
  const uint64_t hashPoint_;
  uint64_t generation_ = 0;
  size_t unreadable_ = 0;

  std::unordered_map<std::string, uint32_t> accountIndexes_;
  std::vector<std::shared_ptr<const RoutedAccount>> accounts_;
  std::vector<uint32_t> freeAccounts_;
  std::unordered_map<std::string, std::shared_ptr<AccountMeter>> meters_;

  std::unordered_map<std::string, ScriptState> scripts_;  // by "account/name"
  std::vector<std::shared_ptr<const RoutedScript>> routedScripts_;
  std::vector<bool> workersDev_;
  std::vector<uint32_t> freeScripts_;

  std::unordered_map<std::string, ZoneState> zones_;
  std::vector<std::shared_ptr<const RoutedZone>> routedZones_;
  std::vector<uint32_t> freeZones_;

  std::unordered_map<std::string, DomainState> domains_;

  struct VersionSlot {
    uint32_t slot = 0;
    uint32_t users = 0;
  };
  std::unordered_map<uint64_t, VersionSlot> versions_;
  std::vector<uint64_t> versionSlots_;
  std::vector<uint32_t> freeVersionSlots_;

  ConfiguredScripts configured_;
};

}  // namespace weir::catalog
