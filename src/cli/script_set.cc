#include "cli/script_set.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>
#include <utility>

#include "base/hex.h"
#include "control/version_bundle.h"

namespace weir::cli {

namespace {

using Sha256 = std::array<uint8_t, 32>;

Sha256 sha256(std::initializer_list<std::span<const uint8_t>> parts) {
  Sha256 result{};
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  CHECK(context != nullptr);
  CHECK(EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1);
  for (const auto part : parts) CHECK(EVP_DigestUpdate(context, part.data(), part.size()) == 1);
  CHECK(EVP_DigestFinal_ex(context, result.data(), nullptr) == 1);
  EVP_MD_CTX_free(context);
  return result;
}

// The shape of a UUID whose bits follow from the content (RFC 9562 §5.8).
std::string uuidOf(const Sha256& hash) {
  std::array<uint8_t, 16> bytes{};
  std::copy_n(hash.begin(), bytes.size(), bytes.begin());
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x80);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  const std::string hex = base::hexOf(bytes);
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" +
         hex.substr(20);
}

std::span<const uint8_t> bytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

base::Result<wire::Descriptor> seal(const std::vector<uint8_t>& bytes) {
  return wire::makeSealedBlob("bundle", std::as_bytes(std::span(bytes)));
}

bool anyReadsBindingsEarly(const ScriptConfig& script) {
  const auto chosen = wire::CompatibilitySet::of(script.compatibilityDate, script.compatibilityFlags);
  return std::any_of(script.modules.begin(), script.modules.end(),
                     [&](const auto& module) { return control::readsBindingsEarly(module.content, chosen); });
}

}  // namespace

std::optional<StartFrom> parseStartFrom(std::string_view text) {
  if (text == "source") return StartFrom::kSource;
  if (text == "code-cache") return StartFrom::kCodeCache;
  if (text == "snapshot") return StartFrom::kSnapshot;
  return std::nullopt;
}

ScriptSet::ScriptSet(Options options) : options_(std::move(options)), queue_(options_.checks) {
  queue_.whenIdle([this] { sweep(); });
}

ScriptSet::~ScriptSet() = default;

base::Result<ScriptSet::Prepared> ScriptSet::prepare(const ScriptConfig& script) {
  wire::Bundle bundle;
  bundle.scriptName = script.name;
  bundle.syntax = script.syntax;
  bundle.limits = script.limits;
  bundle.compatibilityDate = script.compatibilityDate;
  bundle.compatibilityFlags = script.compatibilityFlags;
  bundle.env = script.env;
  for (const auto& service : script.services) bundle.services.push_back(service.binding);
  for (const auto& limiter : script.limiters)
    bundle.limiters.push_back({limiter.binding, limiter.limit, limiter.periodSeconds});
  for (const auto& module : script.modules)
    bundle.modules.push_back({module.name, module.type, bytesOf(module.content)});
  std::vector<uint8_t> whole;
  wire::encodeBundle(bundle, whole);
  if (!wire::decodeBundle(whole)) return base::Error{"script " + script.name + ": its modules or values are too large"};
  auto blob = seal(whole);
  if (!blob.ok()) return blob.error();

  // A check of module syntax needs no values of bindings, so it gets none: they cannot end up in a heap on the disk,
  // and a version that differs in nothing else shares its image. One that may import them gets them, and a heap that
  // has read one is not written.
  if (bundle.syntax == wire::Syntax::kEsModules && !anyReadsBindingsEarly(script)) bundle.env = "{}";
  std::vector<uint8_t> checked;
  wire::encodeBundle(bundle, checked);
  auto toCheck = seal(checked);
  if (!toCheck.ok()) return toCheck.error();

  Prepared prepared;
  prepared.script = script.name;
  prepared.crons = script.crons;
  const Sha256 key = sha256({checked});
  prepared.key = base::hexOf(key);
  prepared.version = std::make_shared<sandbox::RunnableVersion>();
  prepared.version->script = script.name;
  std::string settings = script.env;
  for (const auto& service : script.services) {
    settings += '\n' + service.binding + '\n' + service.script + '\n' + service.entrypoint + '\n' + service.props;
  }
  for (const auto& limiter : script.limiters) settings += '\n' + limiter.space;
  prepared.version->id = uuidOf(sha256({key, bytesOf(settings)}));
  sandbox::VersionContent content;
  content.limits = script.limits;
  content.compatibility = wire::CompatibilitySet::of(script.compatibilityDate, script.compatibilityFlags);
  for (const auto& service : script.services)
    content.services.push_back({service.script, service.entrypoint, false, service.props});
  for (const auto& limiter : script.limiters) content.rateSpaces.push_back(limiter.space);
  content.bundleBlob = std::move(blob).value();
  prepared.version->content.set(std::move(content));
  prepared.toCheck = std::move(toCheck).value();
  return prepared;
}

base::Status ScriptSet::set(const std::vector<ScriptConfig>& scripts, bool everyHost) {
  std::vector<Prepared> all;
  std::set<std::string> names;
  for (const auto& script : scripts) {
    auto prepared = prepare(script);
    if (!prepared.ok()) return prepared.error();
    names.insert(script.name);
    all.push_back(std::move(prepared).value());
  }
  const std::lock_guard lock(mutex_);
  everyHost_ = everyHost;
  std::erase_if(entries_, [&](const auto& entry) { return !names.contains(entry.first); });
  std::vector<Passed> known;
  for (auto& prepared : all) {
    const auto version = prepared.version;
    if (auto record = admit(std::move(prepared))) known.push_back({version, std::move(*record), true});
  }
  publish(std::move(known));
  return base::Nothing{};
}

std::optional<sandbox::VersionRecord> ScriptSet::admit(Prepared prepared) {
  Entry& entry = entries_[prepared.script];
  entry.crons = prepared.crons;
  if (entry.waiting && entry.waiting->id == prepared.version->id) return std::nullopt;
  if (entry.serving && entry.serving->id == prepared.version->id && !entry.serving->refusal) {
    entry.waiting = nullptr;
    return std::nullopt;
  }
  prepared.version->number = {std::exchange(nextVersion_, nextVersion_ + 2)};
  options_.place(*prepared.version);
  options_.versions.add(prepared.version);
  entry.key = prepared.key;
  entry.waiting = nullptr;
  if (options_.startFrom == StartFrom::kSource) {
    entry.serving = prepared.version;
    return std::nullopt;
  }
  if (auto record = options_.store.find(prepared.key)) {
    if (record->image) prepared.version->image.set(*record->image);
    entry.serving = prepared.version;
    return record;
  }
  // One that is known to fail has nothing to lose.
  (entry.serving && !entry.serving->refusal ? entry.waiting : entry.serving) = prepared.version;
  check(std::move(prepared));
  return std::nullopt;
}

void ScriptSet::check(Prepared prepared) {
  sandbox::CheckQueue::Job job;
  job.bundle = std::move(prepared.toCheck);
  job.writeHeap = options_.startFrom == StartFrom::kSnapshot;
  job.done = [this, script = prepared.script, number = prepared.version->number, key = prepared.key](
                 base::Result<sandbox::CheckVerdict> verdict) { onVerdict(script, number, key, std::move(verdict)); };
  if (!queue_.submit(std::move(job))) {
    std::fprintf(stderr, "weir: script %s is served unchecked: too many wait for their check\n",
                 prepared.script.c_str());
  }
}

void ScriptSet::onVerdict(const std::string& script, wire::VersionId number, const sandbox::VersionStore::Key& key,
                          base::Result<sandbox::CheckVerdict> verdict) {
  const auto* checked = verdict.ok() ? std::get_if<sandbox::CheckedVersion>(&*verdict) : nullptr;
  // The disk may be slow: without the lock. What was found out holds even if another version has come meanwhile.
  auto record = checked != nullptr ? options_.store.put(key, *checked, script) : sandbox::VersionRecord{};
  const auto* refused = verdict.ok() ? std::get_if<sandbox::StartRefusal>(&*verdict) : nullptr;
  const bool profiled = refused != nullptr && !refused->profile.empty() &&
                        options_.profiles.put(options_.owner, script, refused->profile).ok();

  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(script);
  if (at == entries_.end()) return;
  Entry& entry = at->second;
  const bool waited = entry.waiting && entry.waiting->number == number;
  const auto current = waited ? entry.waiting : entry.serving;
  if (current->number != number) return;
  if (!verdict.ok()) {
    std::fprintf(stderr, "weir: script %s is served unchecked: %s\n", script.c_str(), verdict.error().message.c_str());
    entry.serving = current;
  } else if (checked == nullptr) {
    const auto& refusal = std::get<sandbox::StartRefusal>(*verdict);
    report(*current, refusal, profiled);
    if (!waited) current->refusal.set(refusal);
  } else {
    if (!record.ok()) {
      std::fprintf(stderr, "weir: script %s: its image is not kept: %s\n", script.c_str(),
                   record.error().message.c_str());
      record = sandbox::VersionRecord{checked->handlers, checked->startupUs, "its image could not be stored", {}};
    }
    if (record->image) current->image.set(*record->image);
    entry.serving = current;
  }
  std::vector<Passed> passed;
  if (checked != nullptr) passed.push_back({current, std::move(*record), false});
  if (waited) {
    entry.waiting = nullptr;
    publish(std::move(passed));
  } else if (!passed.empty()) {
    report(options_.sink, passed.front());
  }
  if (options_.store.takeSweepDue()) queue_.whenIdle([this] { sweep(); });
}

void ScriptSet::report(const sandbox::RunnableVersion& version, const sandbox::StartRefusal& refusal, bool profiled) {
  observe::VersionFailed fact;
  fact.script = version.script;
  fact.version = version.id;
  fact.failure = refusal.failure;
  fact.message = refusal.message;
  fact.file = refusal.file;
  fact.line = refusal.line;
  fact.column = refusal.column;
  fact.profiled = profiled;
  options_.sink.versionFailed(observe::kNoLoop, fact);
}

void ScriptSet::report(observe::Sink& sink, const Passed& passed) {
  observe::VersionChecked fact;
  fact.script = passed.version->script;
  fact.version = passed.version->id;
  fact.source = passed.record.image ? passed.record.image->source : wire::StartSource::kCompiled;
  fact.reason = passed.record.reason;
  fact.startupUs = passed.record.startupUs;
  fact.kept = passed.kept;
  sink.versionChecked(observe::kNoLoop, fact);
}

void ScriptSet::publish(std::vector<Passed> passed) {
  std::vector<std::shared_ptr<const sandbox::RunnableVersion>> versions;
  std::optional<std::string> everyHost;
  const auto schedules = std::make_shared<std::vector<edge::Schedule>>();
  for (const auto& [script, entry] : entries_) {
    versions.push_back(entry.serving);
    if (everyHost_) everyHost = script;
    for (const auto& cron : entry.crons) schedules->push_back({entry.serving, cron, *catalog::Cron::parse(cron)});
  }
  // Shared, because a std::function has to be copied and an image cannot be.
  options_.publish(versions, everyHost, schedules,
                   [&sink = options_.sink, passed = std::make_shared<const std::vector<Passed>>(std::move(passed))] {
                     for (const auto& one : *passed) report(sink, one);
                   });
}

void ScriptSet::sweep() {
  std::set<sandbox::VersionStore::Key> keep;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [script, entry] : entries_) keep.insert(entry.key);
  }
  options_.store.sweep(std::move(keep));
}

}  // namespace weir::cli
