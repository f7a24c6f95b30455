#include "edge/edge_loop.h"

#include <unistd.h>

#include <algorithm>

#include "edge/error_page.h"
#include "edge/invocation.h"

namespace weir::edge {

namespace {

constexpr size_t kSlotsMax = 1u << 20;
constexpr int kEffectsPerLook = 1024;

uint64_t mix(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

}  // namespace

// The loop's end of one engine: its eventfd.
class EdgeLoop::EngineWake final : public net::FdHandler {
 public:
  EngineWake(EdgeLoop& owner, uint32_t index) : owner_(owner), index_(index) {}
  void watch(const std::shared_ptr<sandbox::EngineLink>& link) {
    unwatch();
    descriptor_ = link->wakeDescriptor(owner_.options_.index);
    owner_.loop_.watch(descriptor_, EPOLLIN, *this);
  }
  void unwatch() {
    if (descriptor_ >= 0) owner_.loop_.unwatch(descriptor_, *this);
    descriptor_ = -1;
  }
  void onReady(uint32_t) override {
    uint64_t count = 0;
    if (::read(descriptor_, &count, sizeof count) < 0) {}
    owner_.drainEngine(index_);
  }

 private:
  EdgeLoop& owner_;
  const uint32_t index_;
  int descriptor_ = -1;
};

EdgeLoop::EdgeLoop(Options options)
    : options_(std::move(options)), loop_(options_.clock),
      rays_(options_.rayKey, static_cast<uint8_t>(options_.index)), resolver_(loop_, {}) {}

base::Result<std::unique_ptr<EdgeLoop>> EdgeLoop::open(Options options) {
  auto self = std::unique_ptr<EdgeLoop>(new EdgeLoop(std::move(options)));
  auto tls = net::TlsClientContext::make({});
  if (!tls.ok()) return tls.error();
  self->tls_ = std::move(tls).value();
  self->client_ = std::make_unique<http::Client>(self->loop_, self->resolver_, self->tls_.get(), http::HttpLimits{});
  http::Server::Options server;
  server.address = self->options_.address;
  auto opened = http::Server::open(self->loop_, server, *self);
  if (!opened.ok()) return opened.error();
  self->server_ = std::move(opened).value();
  for (uint32_t i = 0; i < self->options_.engines.size(); ++i) {
    self->wakes_.push_back(std::make_unique<EngineWake>(*self, i));
    if (self->options_.engines[i]) self->wakes_[i]->watch(self->options_.engines[i]);
  }
  self->loop_.addBatchHook(*self);
  self->loop_.addSleepHook(*self);
  return self;
}

EdgeLoop::~EdgeLoop() {
  server_.reset();
  slots_.clear();
  for (auto& wake : wakes_) wake->unwatch();
  loop_.removeBatchHook(*this);
  loop_.removeSleepHook(*this);
}

void EdgeLoop::replaceEngine(uint32_t index, std::shared_ptr<sandbox::EngineLink> link) {
  loop_.post([this, index, link = std::move(link)] {
    drainEngine(index);  // what it said before it died still counts
    loseEngine(index);
    wakes_[index]->unwatch();  // before the old link goes, which closes the descriptor
    options_.engines[index] = link;
    if (link) wakes_[index]->watch(link);
  });
}

void EdgeLoop::setRoutes(std::shared_ptr<const Routes> routes) {
  loop_.post([this, routes = std::move(routes)] { options_.routes = routes; });
}

void EdgeLoop::drain(std::chrono::milliseconds bound) {
  loop_.post([this, bound] { server_->drain(bound, [this] { loop_.stop(); }); });
}

uint32_t EdgeLoop::engineFor(const sandbox::RunnableVersion& version) const {
  // Rendezvous hashing: an engine that goes moves only its own versions.
  uint32_t best = 0;
  uint64_t bestScore = 0;
  for (uint32_t i = 0; i < options_.engines.size(); ++i) {
    if (!options_.engines[i]) continue;
    const uint64_t score = mix(version.number.value * 0x9e3779b97f4a7c15ULL + i + 1) | 1;
    if (score > bestScore) {
      bestScore = score;
      best = i;
    }
  }
  return best;
}

void EdgeLoop::onRequest(http::Exchange& exchange) {
  const Ray ray = rays_.next();
  const std::string_view target = exchange.head().target;
  constexpr std::string_view kErrorPath = "/cdn-cgi/error/";
  if (target.starts_with(kErrorPath)) {
    uint32_t code = 0;
    const auto digits = target.substr(kErrorPath.size());
    if (digits.size() <= 4 && !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      code = static_cast<uint32_t>(std::stoul(std::string(digits)));
    }
    const auto& known = errorCodes();
    const bool exists = std::any_of(known.begin(), known.end(), [&](const auto& facts) { return facts.code == code; });
    return respondWithPage(exchange, exists ? static_cast<uint16_t>(code) : 404, ray);
  }
  auto version = options_.routes->find(exchange.head().authority);
  if (!version) return respondWithPage(exchange, 1042, ray);
  uint32_t slot = 0;
  if (free_.empty()) {
    if (slots_.size() >= kSlotsMax) return respondWithPage(exchange, 1105, ray);
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  generation_ = (generation_ + 1) & 0xffffff;
  const uint32_t engine = engineFor(*version);
  auto& invocation = slots_[slot];
  invocation = std::make_unique<Invocation>(*this, wire::InvocationId::make(options_.index, generation_, slot), engine, std::move(version));
  ++inFlight_;
  invocation->start(exchange, ray);
}

void EdgeLoop::describeRefusal(const http::Refusal& refusal, http::HeaderList& headers, std::string& body) {
  ErrorContext context;
  context.timeSeconds = static_cast<int64_t>(options_.clock.wallMs() / 1000);
  const ErrorPage page = renderSimplePage(refusal.status, context, PageForm::kPlainText);
  for (const auto& header : page.headers) headers.add(header.name, header.value);
  body = page.body;
}

void EdgeLoop::respondWithPage(http::Exchange& exchange, uint16_t code, const Ray& ray) {
  const auto& head = exchange.head();
  std::string accept;
  for (const auto header : head.headers) {
    if (!http::equalsIgnoreCase(header.name, "accept")) continue;
    if (!accept.empty()) accept += ", ";
    accept += header.value;
  }
  const PageForm form = chooseForm(accept, head.headers.find("user-agent").value_or(""),
                                   head.headers.find("accept-encoding").has_value());
  ErrorContext context;
  context.host = head.authority;
  context.ray = ray.header();
  context.clientIp = exchange.remoteIp();
  context.timeSeconds = static_cast<int64_t>(options_.clock.wallMs() / 1000);
  const ErrorPage page = code < 500 ? renderSimplePage(code, context, form) : renderErrorPage(code, context, form);
  http::HeaderList headers;
  for (const auto& header : page.headers) headers.add(header.name, header.value);
  headers.set("cf-ray", ray.header());
  if (!exchange.respond(page.status, headers, page.body)) exchange.abort();
}

Invocation* EdgeLoop::find(wire::InvocationId id, uint32_t engine) {
  if (id.loop() != options_.index || id.slot() >= slots_.size()) return nullptr;
  Invocation* invocation = slots_[id.slot()].get();
  return invocation != nullptr && invocation->id() == id && invocation->engine() == engine ? invocation : nullptr;
}

void EdgeLoop::release(Invocation& invocation) {
  const uint32_t slot = invocation.id().slot();
  if (!slots_[slot]) return;
  --inFlight_;
  free_.push_back(slot);
  loop_.dispose(std::move(slots_[slot]));  // a frame below may stand in it
}

void EdgeLoop::onEffect(uint32_t engine, wire::Bytes bytes) {
  bool legal = false;
  const bool decoded = wire::decodeTo<wire::Effect>(bytes, [&](const auto& effect) {
    legal = true;
    if constexpr (requires { effect.invocation; }) {
      // An invocation that is over may still be spoken of: the two sides cross.
      if (Invocation* invocation = find(effect.invocation, engine)) legal = invocation->on(effect);
      else if (effect.invocation.loop() != options_.index) legal = false;
    } else if (options_.onVersionEffect) {
      options_.onVersionEffect(engine, wire::Effect(effect));
    }
  });
  if (!decoded || !legal) options_.engines[engine]->condemn();
}

bool EdgeLoop::drainEngine(uint32_t index) {
  const auto link = options_.engines[index];
  if (!link) return false;
  auto& reader = link->reader(options_.index);
  int count = 0;
  for (; count < kEffectsPerLook && !link->condemned(); ++count) {
    const auto record = reader.peek();
    if (!record) break;
    if (record->size() > wire::Bounds::kMessageBytesMax) {
      link->condemn();
      break;
    }
    record_.assign(record->begin(), record->end());
    reader.pop();
    onEffect(index, record_);
  }
  if (reader.broken()) link->condemn();
  return count == kEffectsPerLook;
}

void EdgeLoop::loseEngine(uint32_t index) {
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i] && slots_[i]->engine() == index) slots_[i]->lose(wire::Outcome::kInternalError);
  }
}

void EdgeLoop::onBatchEnd() {
  for (const auto& link : options_.engines) {
    if (link) link->flush();
  }
}

bool EdgeLoop::beforeSleep() {
  bool work = false;
  for (uint32_t i = 0; i < options_.engines.size(); ++i) {
    if (drainEngine(i)) work = true;
  }
  // Then: what one engine says may have been answered to another.
  for (uint32_t i = 0; i < options_.engines.size(); ++i) {
    const auto& link = options_.engines[i];
    if (!link || link->condemned()) continue;
    link->flush();
    if (!link->reader(options_.index).armSleep()) work = !link->condemned() && !link->reader(options_.index).broken() ? true : work;
  }
  return work;
}

void EdgeLoop::afterWake() {
  for (const auto& link : options_.engines) {
    if (link) link->reader(options_.index).disarmSleep();
  }
}

}  // namespace weir::edge
