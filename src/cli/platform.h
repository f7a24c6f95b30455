// Platform: the concrete parts, built and wired: engines, loops, sinks.
//
// Threads: made and run on the main thread, which is the supervisor's: engines live as long as it. Each loop has a
// thread of its own, and the catalog has one.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "catalog/keyring.h"
#include "cli/catalog_command.h"
#include "cli/config.h"
#include "cli/data_directory.h"
#include "cli/operator_log.h"
#include "cli/route_publisher.h"
#include "cli/script_set.h"
#include "cli/settings.h"
#include "cli/version_loader.h"
#include "control/control_server.h"
#include "control/token_authenticator.h"
#include "control/health.h"
#include "edge/edge_loop.h"
#include "logs/metrics.h"
#include "logs/trace_writer.h"
#include "net/socket.h"
#include "sandbox/supervisor.h"
#include "sandbox/version_table.h"

namespace weir::cli {

class Platform final : private sandbox::EngineUsers {
 public:
  // `sinks` are borrowed and hear every fact. `expectDeploys`: an engine for the next check stands ready, and checks do
  // not yield to requests.
  static base::Result<std::unique_ptr<Platform>> start(const Settings& settings, const base::Clock& clock,
                                                       const std::vector<observe::Sink*>& sinks = {},
                                                       bool expectDeploys = false);
  ~Platform();

  std::string address() const;
  // Of the control server; empty: there is none.
  std::string controlAddress() const { return control_ ? control_->address().format() : std::string(); }
  control::Health health() const;
  std::vector<sandbox::EngineStatus> engines() const { return supervisor_->status(); }
  // The main thread's, which `run` runs.
  net::Loop& loop() { return loop_; }

  // Under which the scripts of the configuration answer.
  std::string subdomain() const { return routes_->account().subdomain.value_or(""); }

  // Routes to these scripts from now on; in-flight requests finish on what they started with.
  base::Status setScripts(const std::vector<ScriptConfig>& scripts, bool everyHost) {
    return scripts_->set(scripts, everyHost);
  }

  // Until `stopDescriptor` is readable; then drains.
  void run(int stopDescriptor);

 private:
  Platform(const Settings& settings, const base::Clock& clock, const std::vector<observe::Sink*>& sinks);
  base::Status checkAddresses();
  base::Status openData();
  base::Status openVault();
  base::Status startEngines();
  base::Status openLoops();
  base::Status runLoops();
  base::Status openControl();
  base::Status openScripts();
  base::Status openVersions();
  catalog::Result<std::unique_ptr<catalog::Catalog>> openCatalog();
  control::ApiServer::Options apiOptions();
  void place(sandbox::RunnableVersion& version) const;
  // Waits until every loop serves by what the catalog says at the time of the call.
  void publishCatalog();
  // The two parts of what runs by the clock, each as it was last set.
  void setSchedules(std::shared_ptr<const std::vector<edge::Schedule>> configured);
  void setCatalogSchedules(std::vector<edge::Schedule> schedules);
  void publishSchedules();
  std::string versionsDirectory() const { return options_.data + "/versions"; }
  std::string engineIdentity(uint64_t hashSeed) const;
  base::Status openRoutes();
  void useEngine(uint32_t slot, std::shared_ptr<sandbox::EngineLink> link) override;
  void loseEngine(std::shared_ptr<sandbox::EngineLink> link) override;
  void onEngineEffect(uint32_t loop, const std::shared_ptr<sandbox::EngineLink>& link, const wire::Effect& effect);

  Settings options_;
  const base::Clock& clock_;
  net::Loop loop_;
  OperatorLog log_;
  std::vector<observe::Sink*> extraSinks_;
  net::Address edge_;
  std::unique_ptr<DataDirectory> data_;
  base::SystemRandom random_;
  std::unique_ptr<catalog::Keyring> keyring_;  // null: there is no catalog
  std::unique_ptr<logs::Metrics> metrics_;
  std::unique_ptr<logs::TraceWriter> traces_;
  std::vector<observe::Sink*> sinks_;       // of invocations
  std::unique_ptr<observe::FanOut> facts_;  // of everything else
  std::unique_ptr<sandbox::EngineImage> image_;
  wire::Descriptor baseSnapshot_;
  sandbox::VersionTable versions_;
  std::unique_ptr<sandbox::Supervisor> supervisor_;
  std::vector<std::unique_ptr<edge::EdgeLoop>> loops_;
  std::shared_ptr<edge::OutboundPolicy> outbound_;  // of every loop; complete before one runs
  std::vector<std::thread> threads_;
  std::unique_ptr<control::ControlServer> control_;
  double startedMs_ = 0;
  std::atomic<bool> draining_{false};
  net::Timer sweepTimer_;  // of versions that nobody holds
  std::unique_ptr<RoutePublisher> routes_;
  std::unique_ptr<sandbox::VersionStore> store_;
  const sandbox::ProfileStore profiles_;
  std::unique_ptr<ScriptSet> scripts_;
  std::unique_ptr<control::Authenticator> authenticator_;
  std::unique_ptr<control::UploadChecks> checks_;
  std::unique_ptr<VersionLoader> loader_;
  std::shared_ptr<edge::AssetCache> assets_;
  const std::shared_ptr<edge::RateCounters> rates_ = std::make_shared<edge::RateCounters>();
  bool expectDeploys_ = false;
  std::mutex schedulesMutex_;  // of the next two
  std::shared_ptr<const std::vector<edge::Schedule>> configuredSchedules_;
  std::vector<edge::Schedule> catalogSchedules_;
};

}  // namespace weir::cli
