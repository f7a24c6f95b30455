#include "cli/version_loader.h"

#include <sys/stat.h>

#include <algorithm>

#include "assets/site.h"
#include "base/this_thread.h"
#include "control/script_json.h"
#include "control/version_bundle.h"

namespace weir::cli {

namespace {

// From this date on, or by its flag, a browser that navigates gets the not-found handling instead of the Worker.
constexpr std::string_view kNavigationDate = "2025-04-01";

bool hasFlag(std::string_view flags, std::string_view name) {
  while (!flags.empty()) {
    const std::string_view one = flags.substr(0, flags.find(','));
    if (one == name) return true;
    flags.remove_prefix(std::min(flags.size(), one.size() + 1));
  }
  return false;
}

LoadError errorOf(const catalog::Error& error) {
  using enum LoadError::Kind;
  switch (error.situation) {
    case catalog::Situation::kStoreFailed: return {kForNow, error.message};
    case catalog::Situation::kVersionNotFound:
    case catalog::Situation::kScriptNotFound: return {kMissing, error.message};
    default: return {kForGood, error.message};
  }
}

template <class T>
using Loaded = base::Result<T, LoadError>;

LoadError forGood(std::string message) { return {LoadError::Kind::kForGood, std::move(message)}; }

Loaded<std::shared_ptr<const assets::Site>> loadSite(catalog::Catalog& catalog, const catalog::Version& version) {
  auto of = catalog.assets().assetsOf(version.number);
  if (!of.ok()) return errorOf(of.error());
  if (!*of) return forGood("its static assets are gone");
  auto files = catalog.assets().set((*of)->set);
  if (!files.ok()) return errorOf(files.error());
  auto table = assets::FileTable::decode(std::move(files).value());
  if (!table) return forGood("the table of its static assets cannot be read");
  std::vector<std::string> problems;  // told when it was uploaded
  auto config = assets::SiteConfig::parse((*of)->config, problems);
  if (!config.ok()) return forGood(config.error().message);
  const bool navigation = !hasFlag(version.compatibilityFlags, "assets_navigation_has_no_effect") &&
                          (version.compatibilityDate >= kNavigationDate ||
                           hasFlag(version.compatibilityFlags, "assets_navigation_prefers_asset_serving"));
  return std::shared_ptr<const assets::Site>(
      std::make_shared<assets::Site>(std::move(*table), std::move(*config), navigation));
}

constexpr size_t kUuidBytes = 36;

// By its id, or by what its id begins with.
catalog::Result<catalog::Version> findRow(catalog::Catalog& catalog, const sandbox::RunnableVersion& version) {
  if (version.id.size() == kUuidBytes) return catalog.findVersion(version.account, version.script, version.id);
  auto all = catalog.versions(version.account, version.script);
  if (!all.ok()) return all.error();
  for (auto& each : *all) {
    if (each.id.starts_with(version.id)) return std::move(each);
  }
  return catalog::Error{catalog::Situation::kVersionNotFound, "there is no version " + version.id};
}

}  // namespace

VersionLoader::VersionLoader(Options options) : options_(std::move(options)), thread_([this] { work(); }) {}

VersionLoader::~VersionLoader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void VersionLoader::load(const std::shared_ptr<const sandbox::RunnableVersion>& version) {
  {
    const std::lock_guard lock(mutex_);
    // Above the bound nothing is kept: who waits for it is told so by its loop in the end.
    if (waiting_.size() >= options_.waitingMax || !waiting_.insert(version.get()).second) return;
    queue_.push_back(version);
  }
  wake_.notify_one();
}

void VersionLoader::work() {
  base::nameThisThread("loader");
  std::unique_ptr<catalog::Catalog> catalog;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const auto version = std::move(queue_.front());
    queue_.pop_front();
    for (uint32_t attempt = 1;; ++attempt) {
      lock.unlock();
      const bool settled = version->content || version->refusal || tryLoad(catalog, version);
      lock.lock();
      if (settled || attempt >= options_.attemptsMax) break;
      wake_.wait_for(lock, options_.retryAfter * attempt, [&] { return stopping_; });
      if (stopping_) return;
    }
    waiting_.erase(version.get());
    lock.unlock();
    options_.loaded();
    lock.lock();
  }
}

bool VersionLoader::tryLoad(std::unique_ptr<catalog::Catalog>& catalog, const Wanted& version) {
  const auto complain = [&](const std::string& why) {
    std::fprintf(stderr, "weir: script %s: version %s cannot be loaded: %s\n", version->script.c_str(),
                 version->id.c_str(), why.c_str());
  };
  if (!catalog) {
    auto opened = options_.openCatalog();
    if (!opened.ok()) {
      complain(opened.error().message);
      return false;
    }
    catalog = std::move(opened).value();
  }
  const auto loaded = read(*catalog, version);
  if (loaded.ok()) return true;
  sandbox::StartRefusal refusal;
  switch (loaded.error().kind) {
    case LoadError::Kind::kForNow: complain(loaded.error().message); return false;
    case LoadError::Kind::kMissing: refusal.missing = true; break;
    case LoadError::Kind::kForGood:
      complain(loaded.error().message);
      refusal.failure = wire::StartFailure::kMalformed;
      refusal.message = "internal error; reference = " + version->id;
      break;
  }
  version->refusal.set(std::move(refusal));
  return true;
}

base::Result<base::Nothing, LoadError> VersionLoader::read(catalog::Catalog& catalog, const Wanted& version) {
  auto account = catalog.findAccount(version->account);
  if (!account.ok()) return errorOf(account.error());
  auto row = findRow(catalog, *version);
  if (!row.ok()) return errorOf(row.error());
  std::shared_ptr<const assets::Site> site;
  if (row->hasAssets) {
    auto loaded = loadSite(catalog, *row);
    if (!loaded.ok()) return loaded.error();
    site = std::move(loaded).value();
  }
  const uint64_t siteBytes = site ? site->files().memoryBytes() : 0;
  auto modules = catalog.modules(row->number);
  if (!modules.ok()) return errorOf(modules.error());
  if (modules->empty()) {
    // In this order: who sees the refusal finds the content.
    version->content.set({{}, {}, {}, {}, {}, std::move(site), false});
    sandbox::StartRefusal refusal;
    refusal.failure = wire::StartFailure::kNoHandlers;
    refusal.message = "This Worker has static assets and no code.";
    version->refusal.set(std::move(refusal));
    remember(version, siteBytes);
    return base::Nothing{};
  }
  auto sealed = catalog.secrets(row->number);
  if (!sealed.ok()) return errorOf(sealed.error());
  catalog::SecretTexts secrets;
  for (const auto& secret : *sealed) {
    auto text = options_.keys.open({version->account, version->script, secret.name}, secret);
    if (!text.ok()) return forGood("secret " + secret.name + ": " + text.error().message);
    secrets.byName[secret.name] = text->view();
  }
  const auto bindings = control::parseArray(row->bindings);
  const auto annotations = control::parseObject(row->annotations);
  const auto* tag = annotations.if_contains("workers/tag");
  control::BundleSource source{version->account,
                               version->script,
                               row->syntax,
                               row->compatibilityDate,
                               row->compatibilityFlags,
                               bindings,
                               *modules,
                               secrets.byName,
                               control::versionLimits(account->limits(), row->limits),
                               row->id,
                               tag != nullptr && tag->is_string() ? std::string_view(tag->as_string()) : "",
                               row->createdMs};
  auto bundle = control::makeBundle(source);
  if (!bundle.ok()) return forGood(bundle.error().message);
  if (options_.checks != nullptr) findImage(source, version);
  struct stat found {};
  const uint64_t bytes = ::fstat(bundle->sealed.get(), &found) == 0 ? static_cast<uint64_t>(found.st_size) : 0;
  version->content.set({source.limits, wire::CompatibilitySet::of(row->compatibilityDate, row->compatibilityFlags),
                        std::move(bundle->sealed), std::move(bundle->services), std::move(bundle->rateSpaces),
                        std::move(site), true, row->id});
  remember(version, bytes + siteBytes);
  return base::Nothing{};
}

// What is checked has no id yet, and no tag.
void VersionLoader::findImage(control::BundleSource source, const Wanted& version) {
  source.versionId = {};
  source.versionTag = {};
  source.createdMs = 0;
  auto toCheck = control::makeCheckBundle(source);
  if (!toCheck.ok()) return;
  if (auto record = options_.checks->find(toCheck->key)) {
    if (record->image) version->image.set(std::move(*record->image));
  } else {
    options_.checks->renew(std::move(toCheck).value(), version);
  }
}

void VersionLoader::remember(const Wanted& version, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  residents_.push_back({version, bytes});
}

std::vector<std::shared_ptr<const sandbox::RunnableVersion>> VersionLoader::takeIdle() {
  std::vector<std::shared_ptr<const sandbox::RunnableVersion>> idle;
  const std::lock_guard lock(mutex_);
  std::erase_if(residents_, [](const Resident& each) { return each.version.expired(); });
  uint64_t bytes = 0;
  for (const auto& each : residents_) bytes += each.bytes;
  size_t count = residents_.size();
  if (bytes <= options_.residentBytesMax && count <= options_.residentMax) return idle;
  const auto usedAt = [&](const Resident& each) {
    int64_t last = 0;
    if (const auto version = each.version.lock()) {
      for (uint32_t loop = 0; loop < options_.loops; ++loop)
        last = std::max(last, version->placements[loop].usedNs.load(std::memory_order_relaxed));
    }
    return last;
  };
  std::vector<std::pair<int64_t, size_t>> order;
  for (size_t i = 0; i < residents_.size(); ++i) order.emplace_back(usedAt(residents_[i]), i);
  std::sort(order.begin(), order.end());
  // Down to nine tenths, so that it is not to be done at every look.
  std::vector<bool> gone(residents_.size());
  for (const auto& [last, i] : order) {
    if (bytes <= options_.residentBytesMax / 10 * 9 && count <= options_.residentMax / 10 * 9) break;
    if (auto version = residents_[i].version.lock()) idle.push_back(std::move(version));
    bytes -= residents_[i].bytes;
    --count;
    gone[i] = true;
  }
  size_t at = 0;
  std::erase_if(residents_, [&](const Resident&) { return gone[at++]; });
  return idle;
}

}  // namespace weir::cli
