#include "cli/platform.h"

#include <poll.h>
#include <sys/random.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace weir::cli {

namespace {

constexpr std::chrono::milliseconds kDrainMax{10'000};
constexpr int kFailedStartsMax = 5;

std::string versionIdOf(const std::vector<uint8_t>& bundle) {
  uint64_t a = 0xcbf29ce484222325ULL;
  uint64_t b = 0x84222325cbf29ce4ULL;
  for (const uint8_t byte : bundle) {
    a = (a ^ byte) * 0x100000001b3ULL;
    b = (b ^ (byte + 0x9eu)) * 0x100000001b3ULL;
  }
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(a >> 32),
                static_cast<unsigned>(a >> 16) & 0xffff, static_cast<unsigned>(a) & 0xffff, static_cast<unsigned>(b >> 48),
                static_cast<unsigned long long>(b & 0xffffffffffffULL));
  return text;
}

}  // namespace

base::Result<std::shared_ptr<sandbox::EngineLink>> Platform::startEngine(uint32_t index) {
  sandbox::EngineLink::Options options{*image_, baseSnapshot_, {}, index, static_cast<uint32_t>(options_.loops), 1024, options_.requireSandbox};
  std::string flags = WEIR_V8_FLAGS;
  size_t from = 0;
  while (from < flags.size()) {
    const size_t end = std::min(flags.find(' ', from), flags.size());
    options.nodeFlags.push_back(flags.substr(from, end - from));
    from = end + 1;
  }
  return sandbox::EngineLink::start(options);
}

base::Result<std::unique_ptr<Platform>> Platform::start(const PlatformOptions& given, const base::Clock& clock) {
  auto self = std::unique_ptr<Platform>(new Platform(given, clock));
  auto& options = self->options_;
  const uint32_t cores = std::max(1u, std::thread::hardware_concurrency());
  if (options.engines == 0) options.engines = cores;
  if (options.loops == 0) options.loops = std::min(cores, 16u);

  const auto address = net::Address::parse(options.edge);
  if (!address.ok()) return base::Error{"--edge " + options.edge + ": " + address.error().message};
  std::error_code error;
  std::filesystem::create_directories(options.data, error);
  if (error) return base::Error{"--data " + options.data + ": " + error.message() + "; name a directory that can be written"};
  logs::TraceWriterOptions traceOptions;
  traceOptions.directory = options.data;
  traceOptions.lanes = options.loops;
  auto traces = logs::TraceWriter::open(traceOptions);
  if (!traces.ok()) return traces.error();
  self->traces_ = std::move(traces).value();

  const auto absolute = [](const std::string& path) { return std::filesystem::absolute(path).string(); };
  auto image = sandbox::EngineImage::load({absolute(options.node), absolute(options.engineDir + "/weir_engine.node"),
                                           absolute(options.engineDir + "/launcher.cjs")});
  if (!image.ok()) return base::Error{"the engine cannot be loaded: " + image.error().message + "; run make, or name the host with --node"};
  self->image_ = std::make_unique<sandbox::EngineImage>(std::move(image).value());
  std::ifstream in(options.engineDir + "/base.snapshot", std::ios::binary);
  const std::string snapshot((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (snapshot.empty()) return base::Error{"the engine's start-up snapshot is missing: run make"};
  auto blob = wire::makeSealedBlob("base-snapshot", {reinterpret_cast<const std::byte*>(snapshot.data()), snapshot.size()});
  if (!blob.ok()) return blob.error();
  self->baseSnapshot_ = std::move(blob).value();

  for (uint32_t i = 0; i < options.engines; ++i) {
    auto link = self->startEngine(i);
    if (!link.ok()) return link.error();
    self->engines_.push_back(std::move(link).value());
  }
  self->failedStarts_.resize(options.engines);

  edge::RaySource::Key key{};
  if (getrandom(key.data(), sizeof key, 0) != sizeof key) return base::Error{"the system has no randomness"};
  for (uint32_t i = 0; i < options.loops; ++i) {
    edge::EdgeLoop::Options loop{i, i == 0 ? *address : self->loops_[0]->address(), key, clock, {self->traces_.get()}, {}, {}, {}};
    if (options.extraSink != nullptr) loop.sinks.push_back(options.extraSink);
    loop.engines = self->engines_;
    auto routes = std::make_shared<edge::Routes>();
    routes->workersDomain = options.workersDomain;
    loop.routes = routes;
    loop.onVersionEffect = [](uint32_t, const wire::Effect& effect) {
      if (const auto* failed = std::get_if<wire::VersionFailed>(&effect)) {
        std::fprintf(stderr, "weir: a script did not start: %.*s\n", static_cast<int>(failed->message.size()), failed->message.data());
      }
    };
    auto opened = edge::EdgeLoop::open(std::move(loop));
    if (!opened.ok()) return base::Error{"--edge " + options.edge + ": " + opened.error().message + "; stop what uses the port, or choose another with --edge"};
    self->loops_.push_back(std::move(opened).value());
  }
  for (auto& loop : self->loops_) self->threads_.emplace_back([&loop = *loop] { loop.run(); });
  return self;
}

Platform::~Platform() {
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  loops_.clear();
  engines_.clear();
}

std::string Platform::address() const { return loops_[0]->address().format(); }

base::Status Platform::setScripts(const std::vector<ScriptConfig>& scripts, bool everyHost) {
  auto routes = std::make_shared<edge::Routes>();
  routes->workersDomain = options_.workersDomain;
  for (const auto& script : scripts) {
    wire::Bundle bundle;
    bundle.scriptName = script.name;
    bundle.syntax = script.syntax;
    bundle.limits = script.limits;
    bundle.compatibilityDate = script.compatibilityDate;
    bundle.compatibilityFlags = script.compatibilityFlags;
    bundle.env = script.env;
    for (const auto& module : script.modules) {
      bundle.modules.push_back({module.name, module.type, {reinterpret_cast<const uint8_t*>(module.content.data()), module.content.size()}});
    }
    std::vector<uint8_t> bytes;
    wire::encodeBundle(bundle, bytes);
    if (!wire::decodeBundle(bytes)) return base::Error{"script " + script.name + ": its modules or values are too large"};
    auto blob = wire::makeSealedBlob("bundle", {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()});
    if (!blob.ok()) return blob.error();
    auto version = std::make_shared<sandbox::RunnableVersion>();
    version->number = {nextVersion_++};
    version->script = script.name;
    version->id = versionIdOf(bytes);
    version->bundleBlob = std::move(blob).value();
    routes->byScript[script.name] = version;
    if (everyHost) routes->everyHost = version;
  }
  for (auto& loop : loops_) loop->setRoutes(routes);
  return base::Nothing{};
}

void Platform::superviseOnce() {
  for (uint32_t i = 0; i < engines_.size(); ++i) {
    auto& link = engines_[i];
    if (link) {
      link->process().drainOutput([&](std::string_view line) {
        std::fprintf(stderr, "engine %u: %.*s\n", i, static_cast<int>(line.size()), line.data());
      });
      const auto exit = link->process().reap();
      if (!exit) continue;
      std::fprintf(stderr, "weir: engine %u %s; starting another\n", i, exit->text().c_str());
    }
    auto fresh = startEngine(i);
    if (fresh.ok()) {
      failedStarts_[i] = 0;
      link = std::move(fresh).value();
    } else {
      if (++failedStarts_[i] <= kFailedStartsMax) std::fprintf(stderr, "weir: %s\n", fresh.error().message.c_str());
      link = nullptr;
    }
    for (auto& loop : loops_) loop->replaceEngine(i, link);
  }
}

void Platform::run(int stopDescriptor, const std::function<void()>& onTick) {
  for (;;) {
    std::vector<pollfd> waits{{stopDescriptor, POLLIN, 0}};
    for (const auto& link : engines_) {
      if (link) waits.push_back({link->process().pidfd(), POLLIN, 0});
    }
    poll(waits.data(), waits.size(), 250);
    if ((waits[0].revents & POLLIN) != 0) break;
    superviseOnce();
    if (onTick) onTick();
  }
  for (auto& loop : loops_) loop->drain(kDrainMax);
  for (auto& thread : threads_) thread.join();
}

}  // namespace weir::cli
