#include "cli/platform.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>

#include "base/json_object.h"
#include "base/this_thread.h"
#include "base/whole_file.h"
#include "catalog/first_account.h"
#include "catalog/sqlite_catalog.h"
#include "cli/commands.h"
#include "cli/first_token.h"
#include "cli/secret_keys.h"
#include "control/engine_metrics.h"
#include "net/interfaces.h"
#include "wire/blob_hash.h"

namespace weir::cli {

namespace {

constexpr std::chrono::milliseconds kSweepEvery{1'000};
constexpr std::chrono::milliseconds kPublishMax{5'000};

void printProblem(const std::string& problem) { std::fprintf(stderr, "weir: %s\n", problem.c_str()); }

std::vector<std::string> nodeFlags(uint64_t hashSeed) {
  std::vector<std::string> list;
  const std::string_view flags = WEIR_V8_FLAGS;
  for (size_t from = 0; from < flags.size();) {
    const size_t end = std::min(flags.find(' ', from), flags.size());
    list.emplace_back(flags.substr(from, end - from));
    from = end + 1;
  }
  list.push_back("--hash-seed=" + std::to_string(hashSeed));
  return list;
}

base::Status readRanges(const char* flag, std::string_view text, std::vector<net::AddressRange>& out) {
  while (!text.empty()) {
    const size_t comma = text.find(',');
    auto range = net::AddressRange::parse(text.substr(0, comma));
    if (!range.ok()) return base::Error{std::string(flag) + ": " + range.error().message};
    out.push_back(*range);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return base::Nothing{};
}

base::Error addressProblem(const std::string& flag, const std::string& address, const base::Error& error) {
  return {flag + " " + address + ": " + error.message + "; stop what uses the port, or choose another with " + flag};
}

// An address that nobody listens on: another weir would share it without a word, as loops share the edge's.
base::Result<net::Address> unusedAddress(const std::string& flag, const std::string& text) {
  auto address = net::Address::parse(text);
  if (!address.ok()) return base::Error{flag + " " + text + ": " + address.error().message};
  if (const auto unused = net::checkUnused(*address); !unused.ok()) return addressProblem(flag, text, unused.error());
  return address;
}

// A script's name among the scripts of all accounts.
std::string homeName(const sandbox::RunnableVersion& version) { return version.account + "/" + version.script; }

}  // namespace

Platform::Platform(const Settings& settings, const base::Clock& clock, const std::vector<observe::Sink*>& sinks)
    : options_(settings),
      clock_(clock),
      loop_(clock),
      extraSinks_(sinks),
      sweepTimer_(loop_.timers(),
                  [this] {
                    if (loader_) routes_->renew(loader_->takeIdle());
                    routes_->sweep();
                    supervisor_->drop(versions_.takeUnused());
                    sweepTimer_.arm(clock_.now() + kSweepEvery);
                  }),
      profiles_(profilesDirectory(settings.data)) {}

base::Result<std::unique_ptr<Platform>> Platform::start(const Settings& settings, const base::Clock& clock,
                                                        const std::vector<observe::Sink*>& sinks, bool expectDeploys) {
  auto self = std::unique_ptr<Platform>(new Platform(settings, clock, sinks));
  self->expectDeploys_ = expectDeploys;
  auto& options = self->options_;
  const uint32_t cores = std::max(1u, std::thread::hardware_concurrency());
  if (options.engines == 0) options.engines = cores;
  if (options.loops == 0) options.loops = std::min(cores, 16u);
  self->startedMs_ = clock.wallMs();
  for (const auto step : {&Platform::checkAddresses, &Platform::openData, &Platform::openVault, &Platform::startEngines,
                          &Platform::openRoutes, &Platform::openScripts, &Platform::openVersions, &Platform::openLoops,
                          &Platform::openControl, &Platform::runLoops}) {
    if (auto status = (*self.*step)(); !status.ok()) return status.error();
  }
  self->sweepTimer_.arm(clock.now() + kSweepEvery);
  return self;
}

base::Status Platform::checkAddresses() {
  const auto edge = unusedAddress("--edge", options_.edge);
  if (!edge.ok()) return edge.error();
  edge_ = *edge;
  if (options_.control.empty()) return base::Nothing{};
  const auto control = unusedAddress("--control", options_.control);
  return control.ok() ? base::Status(base::Nothing{}) : control.error();
}

base::Status Platform::openData() {
  auto data = DataDirectory::open(options_.data);
  if (!data.ok()) return data.error();
  data_ = std::make_unique<DataDirectory>(std::move(data).value());
  logs::TraceWriterOptions options;
  options.directory = options_.data;
  options.lanes = options_.loops;
  auto traces = logs::TraceWriter::open(options);
  if (!traces.ok()) return traces.error();
  traces_ = std::move(traces).value();
  metrics_ = std::make_unique<logs::Metrics>(options_.loops);
  sinks_ = {traces_.get(), metrics_.get()};
  sinks_.insert(sinks_.end(), extraSinks_.begin(), extraSinks_.end());
  std::vector<observe::Sink*> all = sinks_;
  all.push_back(&log_);
  facts_ = std::make_unique<observe::FanOut>(all);
  return base::Nothing{};
}

// Before anything is served: the keys are those of the catalog, and somebody may use the management API.
base::Status Platform::openVault() {
  if (!options_.catalog) return base::Nothing{};
  auto catalog = catalog::SqliteCatalog::open(catalogPath(options_.data), {clock_, random_, {}});
  if (!catalog.ok()) return base::Error{catalog.error().message};
  auto first = catalog::firstAccount(**catalog);
  if (!first.ok()) return base::Error{first.error().message};
  auto key = (*catalog)->secretKey();
  if (!key.ok()) return base::Error{key.error().message};
  auto lock = KeyLock::take(options_.data);
  if (!lock.ok()) return lock.error();
  auto keyring = openKeyring(
      *lock, std::make_shared<KeySource>(secretKeyPath(options_.data), options_.secretKeyCommand), **catalog, random_);
  if (!keyring.ok()) return keyring.error();
  keyring_ = std::move(keyring).value();
  return makeFirstToken(options_.data, !key->has_value(), **catalog, *first, random_);
}

base::Status Platform::startEngines() {
  const auto absolute = [](const std::string& path) { return std::filesystem::absolute(path).string(); };
  auto image = sandbox::EngineImage::load({absolute(options_.node), absolute(options_.engineDir + "/weir_engine.node"),
                                           absolute(options_.engineDir + "/launcher.cjs")});
  if (!image.ok())
    return base::Error{"the engine cannot be loaded: " + image.error().message +
                       "; run make, or name the host with --node"};
  image_ = std::make_unique<sandbox::EngineImage>(std::move(image).value());
  std::ifstream in(options_.engineDir + "/base.snapshot", std::ios::binary);
  const std::string snapshot((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (snapshot.empty()) return base::Error{"the engine's start-up snapshot is missing: run make"};
  auto blob =
      wire::makeSealedBlob("base-snapshot", {reinterpret_cast<const std::byte*>(snapshot.data()), snapshot.size()});
  if (!blob.ok()) return blob.error();
  baseSnapshot_ = std::move(blob).value();

  const auto seed = sandbox::VersionStore::hashSeed(versionsDirectory());
  if (!seed.ok()) return base::Error{"--data " + seed.error().message + "; name a directory that can be written"};
  const sandbox::EngineLink::Options engine{*image_,        baseSnapshot_,           nodeFlags(*seed),       0,
                                            options_.loops, options_.engineMemoryMb, options_.requireSandbox};
  auto limits = options_.supervision;
  limits.processBytesMax = (uint64_t{options_.engineMemoryMb} << 20) * options_.engineMemoryPercent / 100;
  auto supervisor = sandbox::Supervisor::start(loop_, {engine, options_.engines, limits, *facts_, *this});
  if (!supervisor.ok()) return supervisor.error();
  supervisor_ = std::move(supervisor).value();
  return base::Nothing{};
}

base::Status Platform::openLoops() {
  const auto address = net::Address::parse(options_.edge);
  if (!address.ok()) return base::Error{"--edge " + options_.edge + ": " + address.error().message};
  edge::OutboundPolicy::Rules rules;
  if (auto status = readRanges("--outbound-allow", options_.outboundAllow, rules.allowed); !status.ok()) return status;
  if (auto status = readRanges("--outbound-deny", options_.outboundDeny, rules.denied); !status.ok()) return status;
  const auto outbound = std::make_shared<edge::OutboundPolicy>(std::move(rules));
  auto made = net::TlsClientContext::make({.trustSystemStore = true, .caFile = options_.caFile});
  if (!made.ok()) return base::Error{"--ca-file " + options_.caFile + ": " + made.error().message};
  const std::shared_ptr<const net::TlsClientContext> tls = std::move(made).value();
  edge::RaySource::Key key{};
  if (getrandom(key.data(), sizeof key, 0) != sizeof key) return base::Error{"the system has no randomness"};
  for (uint32_t i = 0; i < options_.loops; ++i) {
    edge::EdgeLoop::Options loop{
        i,
        i == 0 ? edge_ : loops_[0]->address(),
        key,
        clock_,
        sinks_,
        supervisor_->engines(),
        routes_->current(),
        outbound,
        options_.errorDocsUrl,
        [this, i](const auto& link, const wire::Effect& effect) { onEngineEffect(i, link, effect); },
        options_.http,
        tls,
        {},
        {},
        {}};
    loop.assets = assets_;
    loop.rates = rates_;
    loop.load = [this](const auto& version) {
      if (loader_) loader_->load(version);
    };
    loop.preview = [this](std::string_view account, std::string_view script, uint32_t digits) {
      return routes_->preview(account, script, digits);
    };
    loop.placement.queueMax = std::chrono::milliseconds(options_.replicaQueueMs);
    auto opened = edge::EdgeLoop::open(std::move(loop));
    if (!opened.ok()) return addressProblem("--edge", options_.edge, opened.error());
    loops_.push_back(std::move(opened).value());
  }
  threads_.emplace_back([tls] { tls->prepare(); });
  outbound_ = outbound;
  return base::Nothing{};
}

// Once every address of the platform is known: scripts must not reach them.
base::Status Platform::runLoops() {
  // Where one script answers on every host, that it fetches itself is nobody else's concern.
  if (options_.catalog) {
    for (const auto& own : net::reachableAddresses(loops_[0]->address())) outbound_->addOwn(own);
  }
  if (control_) {
    for (const auto& own : net::reachableAddresses(control_->address())) outbound_->addOwn(own);
  }
  routes_->open();
  for (auto& loop : loops_)
    threads_.emplace_back([&loop = *loop] {
      base::nameThisThread("edge");
      loop.run();
    });
  return base::Nothing{};
}

base::Status Platform::openControl() {
  if (options_.control.empty()) return base::Nothing{};
  const auto address = unusedAddress("--control", options_.control);  // the edge has its own by now
  if (!address.ok()) return address.error();
  control::ControlServer::Options options{*address, options_.controlAnyAddress, clock_, {}, {}, {}};
  options.health = [this] {
    const control::Health now = health();
    const uint16_t status = control::statusOf(now) == control::HealthStatus::kUnavailable ? 503 : 200;
    return control::ControlServer::Answer{status, "application/json", control::toJson(now)};
  };
  options.metrics = [this] {
    std::string text;
    metrics_->renderPrometheus(text);
    control::renderEngines(text, supervisor_->status());
    control::renderTraces(text, traces_->figures());
    if (assets_) {
      const auto figures = assets_->figures();
      control::renderAssetCache(text, {figures.bytes, uint64_t{options_.assetCacheMb} << 20, figures.reads});
    }
    return control::ControlServer::Answer{200, "text/plain; version=0.0.4; charset=utf-8", std::move(text)};
  };
  options.fireCron = [this](std::string account, std::string script, std::string cron,
                            std::function<void(control::ControlServer::Answer)> then) {
    loops_[0]->fireCron(std::move(account), std::move(script), std::move(cron),
                        [then = std::move(then)](const edge::EdgeLoop::Fired& fired) {
                          if (!fired.problem.empty())
                            return then({404, "text/plain; charset=utf-8", fired.problem + "\n"});
                          base::JsonObject object;
                          object.text("cron", fired.cron).text("outcome", wire::factsOf(fired.outcome).name);
                          then({200, "application/json", object.done() + "\n"});
                        });
  };
  if (options_.catalog) options.api.emplace(apiOptions());
  auto started = control::ControlServer::start(std::move(options));
  if (!started.ok()) return base::Error{"--control " + options_.control + ": " + started.error().message};
  control_ = std::move(started).value();
  return options_.catalog ? base::writeWholeFile(controlAddressPath(options_.data), control_->address().format() + "\n")
                          : base::Status(base::Nothing{});
}

control::Health Platform::health() const {
  return {WEIR_VERSION, startedMs_, clock_.wallMs(), draining_.load(), supervisor_->status()};
}

Platform::~Platform() {
  if (control_ && options_.catalog) ::unlink(controlAddressPath(options_.data).c_str());
  control_.reset();  // it asks the others
  scripts_.reset();
  if (checks_) checks_->stop();
  loader_.reset();
  for (auto& loop : loops_) loop->stop();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  routes_.reset();
  if (assets_) assets_->stop();  // what it reads is for the loops
  loops_.clear();
  supervisor_.reset();
}

void Platform::useEngine(uint32_t slot, std::shared_ptr<sandbox::EngineLink> link) {
  for (auto& loop : loops_) loop->useEngine(slot, link);
}

void Platform::loseEngine(std::shared_ptr<sandbox::EngineLink> link) {
  for (auto& loop : loops_) loop->loseEngine(link);
}

void Platform::onEngineEffect(uint32_t loop, const std::shared_ptr<sandbox::EngineLink>& link,
                              const wire::Effect& effect) {
  const auto report = [&](wire::VersionId number, auto&& fact, auto method) {
    const auto version = versions_.find(number);
    if (!version) return;
    fact.script = version->script;
    fact.version = version->id;
    (facts_.get()->*method)(loop, fact);
  };
  if (const auto* load = std::get_if<wire::EngineLoad>(&effect)) {
    link->setLoad(*load);
  } else if (const auto* started = std::get_if<wire::IsolateStarted>(&effect)) {
    observe::IsolateStarted fact;
    fact.engine = link->index();
    fact.source = started->source;
    fact.startupUs = started->startupUs;
    report(started->version, fact, &observe::Sink::isolateStarted);
  } else if (const auto* ended = std::get_if<wire::IsolateEnded>(&effect)) {
    observe::IsolateEnded fact;
    fact.engine = link->index();
    fact.reason = ended->reason;
    report(ended->version, fact, &observe::Sink::isolateEnded);
    if (ended->reason == wire::IsolateEnd::kParked) {
      const auto version = versions_.find(ended->version);
      supervisor_->threadLost(link, version ? homeName(*version) : std::string());
    }
  } else if (const auto* failed = std::get_if<wire::VersionFailed>(&effect)) {
    observe::VersionFailed fact;
    fact.failure = failed->failure;
    fact.message = failed->message;
    fact.file = failed->file;
    fact.line = failed->line;
    fact.column = failed->column;
    report(failed->version, fact, &observe::Sink::versionFailed);
  }
}

std::string Platform::address() const { return loops_[0]->address().format(); }

// An image is only good for the engine that made it: the same V8, flags, hash seed, base heap and native functions.
std::string Platform::engineIdentity(uint64_t hashSeed) const {
  std::string identity = "1 " + options_.startFrom + " " + WEIR_V8_FLAGS;
  for (const auto* file : {&image_->node(), &image_->addon()}) {
    struct stat found {};
    if (::stat(file->outside.c_str(), &found) != 0) continue;
    identity += " " + std::to_string(found.st_size) + ":" + std::to_string(found.st_mtim.tv_sec) + "." +
                std::to_string(found.st_mtim.tv_nsec);
  }
  const auto base = wire::mapSealedBlob(baseSnapshot_.get(), size_t{64} << 20);
  CHECK(base.ok());
  // The seed itself stays in its file.
  char hashes[40];
  std::snprintf(hashes, sizeof hashes, " %016llx %016llx",
                static_cast<unsigned long long>(wire::blobHash(base->bytes())),
                static_cast<unsigned long long>(wire::blobHash(std::as_bytes(std::span(&hashSeed, 1)))));
  return identity + hashes;
}

base::Status Platform::openRoutes() {
  auto started = RoutePublisher::start(
      {clock_, *facts_, options_.catalog ? catalogPath(options_.data) : "", options_.workersDomain,
       std::chrono::hours(24) * options_.auditDays,
       [this](const auto& routes) {
         for (auto& loop : loops_) loop->setRoutes(routes);
       },
       [this](const auto& version) {
         place(*version);
         versions_.add(version);
       },
       [this](std::vector<edge::Schedule> schedules) { setCatalogSchedules(std::move(schedules)); }});
  if (!started.ok()) return started.error();
  routes_ = std::move(started).value();
  return base::Nothing{};
}

base::Status Platform::openScripts() {
  const auto seed = sandbox::VersionStore::hashSeed(versionsDirectory());
  if (!seed.ok()) return seed.error();
  auto store = sandbox::VersionStore::open(versionsDirectory(), engineIdentity(*seed));
  if (!store.ok()) return base::Error{"--data " + store.error().message + "; name a directory that can be written"};
  store_ = std::move(store).value();
  const auto startFrom = parseStartFrom(options_.startFrom);
  if (!startFrom) return base::Error{"--start-from " + options_.startFrom + ": must be snapshot, code-cache or source"};
  const sandbox::VersionCheck::Options check{
      *image_, baseSnapshot_, nodeFlags(*seed), options_.requireSandbox, !expectDeploys_, {}};
  const uint32_t cores = std::max(1u, std::thread::hardware_concurrency());
  scripts_ = std::make_unique<ScriptSet>(ScriptSet::Options{
      *store_,
      profiles_,
      versions_,
      *facts_,
      *startFrom,
      {.check = check, .threads = std::max(1u, cores / 2), .keepReady = expectDeploys_, .onProblem = printProblem},
      options_.catalog ? routes_->account().id : std::string(),
      [this](sandbox::RunnableVersion& version) {
        version.account = routes_->account().id;
        place(version);
      },
      [this](const auto& versions, const auto& everyHost, const auto& schedules, const std::function<void()>& then) {
        routes_->serve(versions, everyHost);
        setSchedules(schedules);
        const auto left = std::make_shared<std::atomic<size_t>>(loops_.size());
        for (auto& loop : loops_) {
          loop->afterChanges([left, then] {
            if (left->fetch_sub(1) == 1) then();
          });
        }
      }});
  return base::Nothing{};
}

void Platform::place(sandbox::RunnableVersion& version) const {
  // A version that is loaded again goes where it was.
  version.slots = sandbox::slotOrder(version.stored != 0 ? version.stored : version.number.value, options_.engines);
  version.home = supervisor_->homeOf(homeName(version));
  version.placements = std::make_unique<sandbox::RunnableVersion::LoopPlacement[]>(options_.loops);
}

base::Status Platform::openVersions() {
  if (!options_.catalog) return base::Nothing{};
  authenticator_ = std::make_unique<control::TokenAuthenticator>(clock_);
  const auto seed = sandbox::VersionStore::hashSeed(versionsDirectory());
  if (!seed.ok()) return seed.error();
  // Deploying takes what traffic leaves.
  const sandbox::VersionCheck::Options check{*image_, baseSnapshot_, nodeFlags(*seed), options_.requireSandbox, true,
                                             {}};
  const uint32_t cores = std::max(1u, std::thread::hardware_concurrency());
  checks_ = std::make_unique<control::UploadChecks>(control::UploadChecks::Options{
      {check, std::max(1u, cores / 2), true, 1'024, printProblem}, *store_, options_.startFrom == "snapshot"});
  VersionLoader::Options loader{[this] { return openCatalog(); }, *keyring_};
  if (options_.startFrom != "source") loader.checks = checks_.get();
  loader.loops = options_.loops;
  loader.loaded = [this] {
    for (auto& loop : loops_) loop->versionsLoaded();
  };
  loader_ = std::make_unique<VersionLoader>(std::move(loader));
  edge::AssetCache::Options assets;
  assets.openCatalog = [this] { return openCatalog(); };
  assets.bytesMax = uint64_t{options_.assetCacheMb} << 20;
  assets_ = std::make_shared<edge::AssetCache>(std::move(assets));
  return base::Nothing{};
}

catalog::Result<std::unique_ptr<catalog::Catalog>> Platform::openCatalog() {
  catalog::SqliteCatalog::Options options{clock_, random_};
  options.workersDomain = options_.workersDomain;
  auto opened = catalog::SqliteCatalog::open(catalogPath(options_.data), options);
  if (!opened.ok()) return opened.error();
  return std::unique_ptr<catalog::Catalog>(std::move(opened).value());
}

control::ApiServer::Options Platform::apiOptions() {
  return {*authenticator_,
          [this] { return openCatalog(); },
          {clock_, random_, *checks_, profiles_, *keyring_, [this] { publishCatalog(); },
           options_.workersDomain + ":" + std::to_string(loops_[0]->address().port()),
           [this](std::string_view account, std::string_view script) {
             return routes_->current()->routing->findScript(account, script) != nullptr;
           }},
          options_.errorDocsUrl};
}

void Platform::setSchedules(std::shared_ptr<const std::vector<edge::Schedule>> configured) {
  const std::lock_guard lock(schedulesMutex_);
  configuredSchedules_ = std::move(configured);
  publishSchedules();
}

void Platform::setCatalogSchedules(std::vector<edge::Schedule> schedules) {
  const std::lock_guard lock(schedulesMutex_);
  if (schedules.empty() && catalogSchedules_.empty()) return;
  catalogSchedules_ = std::move(schedules);
  publishSchedules();
}

void Platform::publishSchedules() {
  auto all = std::make_shared<std::vector<edge::Schedule>>(catalogSchedules_);
  if (configuredSchedules_) all->insert(all->end(), configuredSchedules_->begin(), configuredSchedules_->end());
  loops_[0]->setSchedules(std::move(all));
}

void Platform::publishCatalog() {
  routes_->refresh();
  const auto left = std::make_shared<std::pair<std::atomic<size_t>, std::promise<void>>>();
  left->first = loops_.size();
  for (auto& loop : loops_) {
    loop->afterChanges([left] {
      if (left->first.fetch_sub(1) == 1) left->second.set_value();
    });
  }
  // Loops that have ended take nothing any more, and need not.
  (void)left->second.get_future().wait_for(kPublishMax);
}

void Platform::run(int stopDescriptor) {
  class Stop final : public net::FdHandler {
   public:
    Stop(net::Loop& loop, int fd, std::function<void()> then) : loop_(loop), fd_(fd), then_(std::move(then)) {
      loop_.watch(fd_, EPOLLIN, *this);
    }
    ~Stop() { unwatch(); }
    void unwatch() {
      if (fd_ >= 0) loop_.unwatch(fd_, *this);
      fd_ = -1;
    }
    void onReady(uint32_t) override {
      unwatch();
      then_();
    }

   private:
    net::Loop& loop_;
    int fd_;
    std::function<void()> then_;
  };
  size_t running = loops_.size();
  Stop stop(loop_, stopDescriptor, [&] {
    draining_ = true;
    for (auto& loop : loops_) {
      loop->drain(std::chrono::milliseconds(options_.drainMs), [&] {
        loop_.post([&] {
          if (--running == 0) loop_.stop();
        });
      });
    }
  });
  loop_.run();
  for (auto& thread : threads_) thread.join();
}

}  // namespace weir::cli
