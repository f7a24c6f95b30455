#include "catalog/publisher.h"

#include "base/check.h"
#include "catalog/first_account.h"
#include "catalog/sqlite_catalog.h"

namespace weir::catalog {

namespace {

constexpr std::chrono::hours kTrimEvery{1};
constexpr const char* kFirstAccountId = "00000000000000000000000000000000";  // where there is no catalog

}  // namespace

Publisher::Publisher(Options options) : options_(std::move(options)) {}

Result<std::unique_ptr<Publisher>> Publisher::start(Options options) {
  auto self = std::unique_ptr<Publisher>(new Publisher(std::move(options)));
  if (auto status = self->load(); !status.ok()) return status.error();
  store::WriterThread::Options thread;
  if (self->catalog_) {
    thread.tick = self->options_.poll;
    thread.onTick = [raw = self.get()] { raw->tick(); };
    thread.onStop = [raw = self.get()] { raw->save(); };
  }
  self->thread_ = std::make_unique<store::WriterThread>(std::move(thread));
  return self;
}

Publisher::~Publisher() = default;

Status Publisher::load() {
  const base::Instant now = options_.clock.now();
  std::vector<Catalog::Usage> usage;
  RoutingRows rows;
  if (options_.path.empty()) {
    firstAccount_.id = kFirstAccountId;
    firstAccount_.name = kFirstAccountName;
    firstAccount_.plan = Plan::kPaid;
    firstAccount_.subdomain = kFirstAccountName;
  } else {
    auto opened = SqliteCatalog::open(options_.path, {options_.clock, options_.random, {}});
    if (!opened.ok()) return opened.error();
    catalog_ = std::move(opened).value();
    auto first = weir::catalog::firstAccount(*catalog_);
    if (!first.ok()) return first.error();
    firstAccount_ = std::move(first).value();
    auto saved = catalog_->usage();
    if (!saved.ok()) return saved.error();
    usage = std::move(saved).value();
    if (auto changed = catalog_->mayHaveChanged(); !changed.ok()) return changed.error();
    auto read = catalog_->routingRows();
    if (!read.ok()) return read.error();
    rows = std::move(read).value();
  }
  ledger_ = std::make_unique<Ledger>(usage, now, options_.clock.wallMs());
  savedAt_ = now;
  trimmedAt_ = now - kTrimEvery;
  RoutingModel::Options model;
  model.workersDomain = options_.workersDomain;
  model.hashSeed = options_.random.next();
  model.soleAccountSubdomain = firstAccount_.subdomain.value_or(kFirstAccountName);
  model.meterOf = [this](const std::string& account) { return ledger_->meterOf(account); };
  model_ = std::make_unique<RoutingModel>(std::move(model));
  model_->apply(rows);
  model_->configure({firstAccount_.id, {}, {}});
  upTo_ = rows.upTo;
  options_.publish(model_->build());
  return base::Nothing{};
}

void Publisher::configure(ConfiguredScripts scripts) {
  scripts.account = firstAccount_.id;
  CHECK(thread_->run([&] {
    model_->configure(std::move(scripts));
    options_.publish(model_->build());
  }));
}

bool Publisher::run(const std::function<void(Catalog&)>& task) {
  return catalog_ && thread_->run([&] {
    task(*catalog_);
    refresh();
  });
}

bool Publisher::post(std::function<void(Catalog&)> task) {
  return catalog_ && thread_->post([this, task = std::move(task)] {
    task(*catalog_);
    refresh();
  });
}

void Publisher::tick() {
  refresh();
  if (options_.clock.now() - savedAt_ >= options_.saveUsage) save();
  if (options_.auditFor.count() > 0 && options_.clock.now() - trimmedAt_ >= kTrimEvery) trim();
}

void Publisher::trim() {
  trimmedAt_ = options_.clock.now();
  const auto before =
      static_cast<UnixMs>(options_.clock.wallMs()) - std::chrono::milliseconds(options_.auditFor).count();
  report(catalog_->trimAudit(before), trimProblemTold_);
}

void Publisher::report(const Status& status, bool& told) {
  if (!status.ok() && !told && options_.onProblem) options_.onProblem(status.error().message);
  told = !status.ok();
}

void Publisher::refresh() {
  auto changed = catalog_->mayHaveChanged();
  if (!changed.ok()) return report(changed.error(), readProblemTold_);
  if (!*changed && !stale_) return;
  auto rows = catalog_->changesSince(upTo_);
  stale_ = !rows.ok();
  report(rows.ok() ? Status(base::Nothing{}) : Status(rows.error()), readProblemTold_);
  if (!rows.ok() || rows->upTo == upTo_) return;
  model_->apply(*rows);
  upTo_ = rows->upTo;
  options_.publish(model_->build());
}

void Publisher::save() {
  savedAt_ = options_.clock.now();
  const auto usage = ledger_->unsaved(savedAt_, options_.clock.wallMs());
  if (usage.empty()) return;
  const Status saved = catalog_->saveUsage(usage);
  if (saved.ok()) ledger_->markSaved();
  report(saved, saveProblemTold_);
}

}  // namespace weir::catalog
