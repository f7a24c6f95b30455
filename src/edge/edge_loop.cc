#include "edge/edge_loop.h"

#include <unistd.h>

#include <algorithm>

#include "edge/admission.h"
#include "edge/invocation.h"
#include "edge/scheduled_trigger.h"

namespace weir::edge {

namespace {

constexpr size_t kSlotsMax = 1u << 20;
constexpr int kEffectsPerLook = 1024;
constexpr std::chrono::milliseconds kSweepEvery{250};
constexpr std::chrono::milliseconds kCancelMax{1'000};  // for engines to say how a cancelled invocation ended

catalog::Scheme schemeOf(const http::Exchange& exchange) {
  return exchange.isTls() ? catalog::Scheme::kHttps : catalog::Scheme::kHttp;
}

constexpr size_t kHeldMax = 1024;
constexpr size_t kHeldBytesMax = 16u << 20;
constexpr std::chrono::milliseconds kHoldMax{5'000};  // an engine starts in a tenth of a second, unless it cannot

// The same routes behind a count of references that no other loop touches.
std::shared_ptr<const Routes> ofThisLoop(std::shared_ptr<const Routes> routes) {
  const auto own = std::make_shared<const std::shared_ptr<const Routes>>(std::move(routes));
  return {own, own->get()};
}

}  // namespace

EdgeLoop::EdgeLoop(Options options)
    : options_(std::move(options)),
      loop_(options_.clock),
      rays_(options_.rayKey, static_cast<uint8_t>(options_.index)),
      resolver_(loop_, {}),
      drainTimer_(loop_.timers(), [this] { cutDrain(); }),
      crons_(loop_,
             [this](const Schedule& schedule, double ms) { runScheduled(schedule.version, schedule.text, ms, {}); }),
      sweepTimer_(loop_.timers(), [this] { sweep(); }),
      holdTimer_(loop_.timers(), [this] { expireHeld(); }) {}

base::Result<std::unique_ptr<EdgeLoop>> EdgeLoop::open(Options options) {
  if (!options.rates) options.rates = std::make_shared<RateCounters>();
  auto self = std::unique_ptr<EdgeLoop>(new EdgeLoop(std::move(options)));
  self->client_ =
      std::make_unique<http::Client>(self->loop_, self->resolver_, self->options_.tls.get(), self->options_.http);
  http::Server::Options server;
  server.address = self->options_.address;
  server.limits = self->options_.http;
  auto opened = http::Server::open(self->loop_, server, *self);
  if (!opened.ok()) return opened.error();
  self->server_ = std::move(opened).value();
  self->slotSeats_.resize(self->options_.engines.size());
  for (uint32_t slot = 0; slot < self->options_.engines.size(); ++slot) {
    if (self->options_.engines[slot]) self->addSeat(slot, self->options_.engines[slot]);
  }
  if (self->options_.assets) {
    EdgeLoop* const loop = self.get();
    self->assets_ = std::make_unique<AssetServer>(
        AssetServer::Parts{loop->options_.index, loop->loop_, *loop->options_.assets,
                           [loop](http::Exchange& exchange, uint16_t code, const Ray& ray) {
                             loop->respondWithPage(exchange, code, ray, 0);
                           },
                           [loop](const AssetServer::Version& version) { loop->options_.load(version); }});
  }
  self->options_.engines.clear();
  self->options_.routes = ofThisLoop(std::move(self->options_.routes));
  self->loop_.addBatchHook(*self);
  self->loop_.addSleepHook(*self);
  return self;
}

EdgeLoop::~EdgeLoop() {
  server_.reset();
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i]) slots_[i]->letGo();
  }
  slots_.clear();
  assets_.reset();
  proxies_.clear();
  seats_.clear();
  loop_.removeBatchHook(*this);
  loop_.removeSleepHook(*this);
}

void EdgeLoop::useEngine(uint32_t slot, std::shared_ptr<sandbox::EngineLink> link) {
  loop_.post([this, slot, link = std::move(link)] {
    if (slotSeats_.size() <= slot) slotSeats_.resize(slot + 1);
    if (EngineSeat* before = slotSeats_[slot]) before->leave();
    slotSeats_[slot] = nullptr;
    if (link) addSeat(slot, link);
  });
}

void EdgeLoop::addSeat(uint32_t slot, std::shared_ptr<sandbox::EngineLink> link) {
  seats_.push_back(std::make_unique<EngineSeat>(loop_, options_.index, std::move(link),
                                                [this](EngineSeat& seat) { drainEngine(seat); }));
  slotSeats_[slot] = seats_.back().get();
  seatHeld();
}

void EdgeLoop::loseEngine(std::shared_ptr<sandbox::EngineLink> link) {
  loop_.post([this, link = std::move(link)] { loseSeat(*link); });
}

void EdgeLoop::setRoutes(std::shared_ptr<const Routes> routes) {
  loop_.post([this, routes = std::move(routes)] { options_.routes = ofThisLoop(routes); });
}

void EdgeLoop::versionsLoaded() {
  loop_.post([this] {
    seatHeld();
    if (assets_) assets_->versionsLoaded();
  });
}

void EdgeLoop::afterChanges(std::function<void()> then) { loop_.post(std::move(then)); }

void EdgeLoop::drain(std::chrono::milliseconds bound, std::function<void()> onEnd) {
  loop_.post([this, bound, onEnd = std::move(onEnd)] {
    onDrained_ = onEnd;
    drainTimer_.arm(loop_.now() + bound);
    sockets_.drain();
    server_->drain(bound, [this] {
      serverEmpty_ = true;
      endDrainIfEmpty();
    });
  });
}

// The bound has passed. The server has cut its connections, and engines have been told; they get a moment to say what
// became of it, for the traces.
void EdgeLoop::cutDrain() {
  if (!std::exchange(drainCut_, true)) {
    for (const auto& invocation : slots_) {
      if (invocation) invocation->expire();
    }
    return drainTimer_.arm(loop_.now() + kCancelMax);
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i]) slots_[i]->lose(wire::Outcome::kCanceled);
  }
  serverEmpty_ = true;
  inFlight_ = 0;
  while (!proxies_.empty()) onProxyOver(*proxies_.begin()->first);
  endDrainIfEmpty();
}

void EdgeLoop::endDrainIfEmpty() {
  if (!onDrained_ || !serverEmpty_ || inFlight_ > 0 || !proxies_.empty()) return;
  drainTimer_.disarm();
  loop_.stop();
  std::exchange(onDrained_, nullptr)();
}

EdgeLoop::Seating EdgeLoop::seatFor(const sandbox::RunnableVersion& version) const {
  const auto has = [&](uint32_t slot) {
    return slot < slotSeats_.size() && slotSeats_[slot] != nullptr && !slotSeats_[slot]->link->condemned();
  };
  const uint32_t apart =
      version.home ? version.home->slot.load(std::memory_order_relaxed) : sandbox::ScriptHome::kShared;
  if (apart != sandbox::ScriptHome::kShared) return {has(apart) ? slotSeats_[apart] : nullptr, kNoRank};
  auto& placement = version.placement(options_.index);
  const auto now = loop_.now();
  // An engine that is to be replaced takes something new only where there is no other.
  auto choice = placement.choose(version.slots, now, options_.placement,
                                 [&](uint32_t slot) { return has(slot) && !slotSeats_[slot]->link->retiring(); });
  if (choice.slot == sandbox::Placement::kNone) choice = placement.choose(version.slots, now, options_.placement, has);
  if (choice.slot == sandbox::Placement::kNone) return {nullptr, kNoRank};
  return {slotSeats_[choice.slot], choice.rank};
}

bool EdgeLoop::hold(Invocation& invocation, size_t bytes) {
  if (held_.size() >= kHeldMax || heldBytes_ + bytes > kHeldBytesMax) return false;
  held_.push_back({invocation.id(), bytes, loop_.now() + kHoldMax});
  heldBytes_ += bytes;
  if (!holdTimer_.armed()) holdTimer_.arm(held_.front().until);
  return true;
}

void EdgeLoop::seatHeld() {
  // Once round: those that still find no engine go behind, in the same order.
  for (size_t left = held_.size(); left > 0; --left) {
    const Held next = held_.front();
    held_.pop_front();
    Invocation* const invocation = slots_[next.invocation.slot()].get();
    const bool waits = invocation != nullptr && invocation->id() == next.invocation && invocation->isHeld();
    if (waits && !invocation->resume()) {
      held_.push_back(next);
    } else {
      heldBytes_ -= next.bytes;
    }
  }
}

void EdgeLoop::expireHeld() {
  while (!held_.empty() && held_.front().until <= loop_.now()) {
    const Held next = held_.front();
    held_.pop_front();
    heldBytes_ -= next.bytes;
    Invocation* const invocation = slots_[next.invocation.slot()].get();
    if (invocation != nullptr && invocation->id() == next.invocation && invocation->isHeld())
      invocation->lose(wire::Outcome::kDaemonDown);
  }
  if (!held_.empty()) holdTimer_.arm(held_.front().until);
}

void EdgeLoop::onRequest(http::Exchange& exchange) {
  const Ray ray = rays_.next();
  const std::string_view target = exchange.head().target;
  if (const auto facts = errorTestPage(target.substr(0, target.find('?'))))
    return respondWithPage(exchange, *facts != nullptr ? (*facts)->code : 404, ray);
  const Routes& routes = *options_.routes;
  if (const auto* every = routes.routing->everyHost(); every != nullptr && !every->versions.empty()) {
    if (const auto query = ScheduledTrigger::parse(target)) {
      const auto trigger = std::make_shared<ScheduledTrigger>(exchange);
      return runScheduled(routes.runnable(every->versions.front()), query->cron,
                          query->timeMs.value_or(options_.clock.wallMs()),
                          [trigger](wire::Outcome outcome) { trigger->answer(outcome); });
    }
  }
  const auto match = routes.routing->find(exchange.head().authority, schemeOf(exchange), target);
  dispatch(exchange, nullptr, match, ray);
}

void EdgeLoop::serveInside(InnerExchange& exchange, bool pastRoutes) {
  const auto& routing = *options_.routes->routing;
  const auto& head = exchange.head();
  dispatch(exchange, &exchange,
           pastRoutes ? routing.findBehindRoutes(head.authority)
                      : routing.find(head.authority, schemeOf(exchange), head.target),
           rays_.next());
}

// `inner`: the same exchange when the client is a script, else null.
void EdgeLoop::dispatch(http::Exchange& exchange, InnerExchange* inner, const catalog::Match& match, const Ray& ray) {
  const Routes& routes = *options_.routes;
  // Whether the version of a preview has assets is known when it is loaded.
  const bool preview = match.preview && !match.account->suspended && !match.script->disabled;
  const auto* const chosen =
      assets_ && !match.preview ? versionWithAssets(match, exchange.head().headers, ray.id()) : nullptr;
  if (chosen != nullptr || (assets_ && preview)) {
    const auto version = chosen != nullptr ? routes.runnable(*chosen) : findPreview(routes, match);
    // What `match` points to lives as long as its snapshot.
    auto toWorker = [this, &exchange, inner, match, ray, routes = options_.routes] {
      dispatchToWorker(*routes, exchange, inner, match, ray, BodyMoment::kLater);
    };
    const auto client = inner == nullptr ? AssetServer::Client::kOutside : AssetServer::Client::kScript;
    if (version && assets_->take(exchange, client, ray, version, std::move(toWorker))) return;
  }
  dispatchToWorker(routes, exchange, inner, match, ray, BodyMoment::kWithHead);
}

void EdgeLoop::dispatchToWorker(const Routes& routes, http::Exchange& exchange, InnerExchange* inner,
                                const catalog::Match& match, const Ray& ray, BodyMoment body) {
  const auto& head = exchange.head();
  const Admission admission = admit(match, head.headers, ray.id(), loop_.now(), options_.clock);
  if (admission.way == Admission::Way::kPage)
    return respondWithPage(exchange, admission.page, ray, admission.retryAfterSeconds);
  const uint64_t own = match.account->limits.requestBodyBytes;
  const uint64_t bodyBytesMax = own > 0 ? own : options_.http.bodyBytesMax;
  if (head.framing == http::Framing::kLength && head.contentLength > bodyBytesMax)
    return respondWithPage(exchange, 413, ray);
  exchange.setBodyBytesMax(bodyBytesMax);
  if (admission.way == Admission::Way::kOrigin) return proxy(exchange, inner, *match.zone, ray, body);
  const auto version = match.preview ? findPreview(routes, match) : routes.runnable(*admission.version);
  if (!version) return respondWithPage(exchange, match.preview ? 1105 : 1022, ray);
  Invocation* const invocation = begin(version);
  if (invocation == nullptr) return respondWithPage(exchange, 1105, ray);
  if (inner != nullptr) return invocation->startInside(*inner, ray, admission.invocationsLeft, body);
  invocation->start(exchange, ray, admission.invocationsLeft, body);
}

void EdgeLoop::serveInner(InnerExchange& exchange, std::shared_ptr<const sandbox::RunnableVersion> version,
                          const InheritedCall& inherited) {
  const Ray ray = rays_.next();
  const auto toWorker = [this, &exchange, version, inherited, ray](BodyMoment body) {
    Invocation* const invocation = begin(version);
    if (invocation == nullptr) return exchange.shed(kNoRoom);
    invocation->startService(exchange, ray, inherited, body);
  };
  // A named entrypoint is the Worker's own.
  if (assets_ && inherited.entrypoint.empty() && version->hasAssets &&
      assets_->take(exchange, AssetServer::Client::kScript, ray, version,
                    [toWorker] { toWorker(BodyMoment::kLater); })) {
    return;
  }
  toWorker(BodyMoment::kWithHead);
}

void EdgeLoop::serveOwnAssets(InnerExchange& exchange, const sandbox::RunnableVersion& version) {
  const auto& content = version.content;
  if (!assets_ || !content || !content->site) return exchange.fail("Error", "This Worker has no static assets.");
  assets_->answer(exchange, AssetServer::Client::kScript, rays_.next(), content->site);
}

std::shared_ptr<const sandbox::RunnableVersion> EdgeLoop::findPreview(const Routes& routes,
                                                                      const catalog::Match& match) const {
  for (const auto& version : match.script->versions) {
    if (catalog::readPreviewDigits(version.id) == match.preview) return routes.runnable(version);
  }
  return options_.preview ? options_.preview(match.account->id, match.script->name, *match.preview) : nullptr;
}

void EdgeLoop::setSchedules(std::shared_ptr<const std::vector<Schedule>> schedules) {
  loop_.post([this, schedules = std::move(schedules)] { crons_.setSchedules(schedules); });
}

void EdgeLoop::runScheduled(std::shared_ptr<const sandbox::RunnableVersion> version, std::string_view cron,
                            double scheduledMs, std::function<void(wire::Outcome)> onEnd) {
  Invocation* const invocation = begin(std::move(version));
  if (invocation != nullptr) return invocation->startScheduled(rays_.next(), cron, scheduledMs, std::move(onEnd));
  if (onEnd) loop_.post([onEnd = std::move(onEnd)] { onEnd(wire::Outcome::kLoadShed); });
}

void EdgeLoop::fireCron(std::string account, std::string script, std::string cron, std::function<void(Fired)> onEnd) {
  loop_.post([this, account = std::move(account), script = std::move(script), cron = std::move(cron),
              onEnd = std::move(onEnd)]() mutable {
    const auto version = options_.routes->findScript(account, script, rays_.next().id());
    if (!version) return onEnd({"there is no script " + script + " that could run", {}, {}});
    if (cron.empty()) {
      const auto crons = crons_.cronsOf(account, script);
      if (crons.size() != 1) {
        return onEnd(
            {"script " + script + " has " + (crons.empty() ? "no" : "several") + " crons: name the one to fire",
             {},
             {}});
      }
      cron = crons.front();
    }
    runScheduled(version, cron, options_.clock.wallMs(), [cron, onEnd = std::move(onEnd)](wire::Outcome outcome) {
      onEnd({{}, cron, outcome});
    });
  });
}

Invocation* EdgeLoop::begin(std::shared_ptr<const sandbox::RunnableVersion> version) {
  uint32_t slot = 0;
  if (free_.empty()) {
    if (slots_.size() >= kSlotsMax) return nullptr;
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  generation_ = (generation_ + 1) & 0xffffff;
  auto& invocation = slots_[slot];
  version->markUsed(options_.index, loop_.now());
  invocation = std::make_unique<Invocation>(*this, wire::InvocationId::make(options_.index, generation_, slot),
                                            std::move(version));
  ++inFlight_;
  if (!sweepTimer_.armed()) sweepTimer_.arm(loop_.now() + kSweepEvery);
  return invocation.get();
}

void EdgeLoop::proxy(http::Exchange& exchange, InnerExchange* inner, const catalog::RoutedZone& zone, const Ray& ray,
                     BodyMoment body) {
  auto made = std::make_unique<OriginProxy>(static_cast<OriginProxyOwner&>(*this), *client_,
                                            options_.outbound->ofOrigins(), sockets_, zone.shared_from_this(), ray);
  OriginProxy& proxy = *made;
  proxies_[&proxy] = std::move(made);
  if (body == BodyMoment::kWithHead) proxy.start(exchange, inner);
  else proxy.startLater(exchange, inner);
}

void EdgeLoop::onProxyOver(OriginProxy& proxy) {
  const auto at = proxies_.find(&proxy);
  if (at == proxies_.end()) return;
  loop_.dispose(std::move(at->second));  // a frame below may stand in it
  proxies_.erase(at);
  endDrainIfEmpty();
}

std::shared_ptr<const catalog::RoutedZone> EdgeLoop::behindScripts(std::string_view authority) const {
  const auto match = options_.routes->routing->findBehindRoutes(authority);
  if (match.kind != catalog::Match::Kind::kOrigin || !match.zone->origin) return nullptr;
  return match.zone->shared_from_this();
}

std::optional<catalog::Match> EdgeLoop::scriptBehind(std::string_view authority,
                                                     const sandbox::RunnableVersion& version) const {
  const auto match = options_.routes->routing->findBehindRoutes(authority);
  if (match.kind != catalog::Match::Kind::kScript ||
      (match.script->name == version.script && match.account->id == version.account))
    return std::nullopt;
  return match;
}

void EdgeLoop::serveBehind(http::Exchange& exchange, InnerExchange* inner, const catalog::Match& match,
                           uint8_t invocationsLeft, std::optional<std::span<const std::byte>> body) {
  const Ray ray = rays_.next();
  const Admission admission = admit(match, exchange.head().headers, ray.id(), loop_.now(), options_.clock);
  if (admission.way != Admission::Way::kScript)
    return respondWithPage(exchange, admission.way == Admission::Way::kPage ? admission.page : 1022, ray,
                           admission.retryAfterSeconds);
  if (invocationsLeft <= 1) return respondWithPage(exchange, 1019, ray);
  const auto version = options_.routes->runnable(*admission.version);
  Invocation* const invocation = version ? begin(version) : nullptr;
  if (invocation == nullptr) return respondWithPage(exchange, version ? 1105 : 1022, ray);
  invocation->startBehind(exchange, inner, ray, static_cast<uint8_t>(invocationsLeft - 1), body);
}

std::string EdgeLoop::zoneOf(std::string_view authority, const sandbox::RunnableVersion& version) const {
  const auto match = options_.routes->routing->findBehindRoutes(authority);
  return match.zone != nullptr ? match.zone->name : workersZoneOf(version);
}

std::string EdgeLoop::workersZoneOf(const sandbox::RunnableVersion& version) const {
  const auto& routing = *options_.routes->routing;
  const catalog::RoutedScript* const script = routing.findScript(version.account, version.script);
  if (script == nullptr) return options_.routes->workersDomain;  // it is being taken away
  const catalog::RoutedAccount& account = routing.account(script->account);
  return account.subdomain.value_or(account.name) + "." + options_.routes->workersDomain;
}

ErrorPage EdgeLoop::pageFor(const http::RequestHead& head, std::string_view clientIp, uint16_t code, const Ray& ray,
                            uint32_t retryAfterSeconds) const {
  std::string accept;
  for (const auto header : head.headers) {
    if (!http::equalsIgnoreCase(header.name, "accept")) continue;
    if (!accept.empty()) accept += ", ";
    accept += header.value;
  }
  PageForm form = chooseForm(accept, head.headers.find("user-agent").value_or(""),
                             offersCompression(head.headers.find("accept-encoding").value_or("")));
  // A script's fetch() gets text to look at, even where it passes a browser's request on.
  if (form == PageForm::kHtml && head.headers.find("cf-worker")) form = PageForm::kPlainText;
  ErrorContext context;
  context.errorDocsUrl = options_.errorDocsUrl;
  context.host = head.authority;
  context.ray = ray.header();
  context.clientIp = clientIp;
  context.retryAfterSeconds = retryAfterSeconds;
  context.timeSeconds = static_cast<int64_t>(options_.clock.wallMs() / 1000);
  return renderErrorPage(code, context, form);
}

void EdgeLoop::describeRefusal(const http::Refusal& refusal, const http::RequestHead& head, const net::Address& client,
                               http::HeaderList& headers, std::string& body) {
  ErrorPage page = pageFor(head, client.ip(), codeOrGeneral(refusal.status), rays_.next(), 0);
  for (const auto& header : page.headers) headers.add(header.name, header.value);
  body = std::move(page.body);
  pageCode_ = codeOrGeneral(refusal.status);
}

void EdgeLoop::respondWithPage(http::Exchange& exchange, uint16_t code, const Ray& ray, uint32_t retryAfterSeconds) {
  const ErrorPage page = pageFor(exchange.head(), exchange.remoteIp(), codeOrGeneral(code), ray, retryAfterSeconds);
  http::HeaderList headers;
  for (const auto& header : page.headers) headers.add(header.name, header.value);
  pageCode_ = codeOrGeneral(code);
  if (!exchange.respond(page.status, headers, page.body)) exchange.abort();
  pageCode_ = 0;
}

void EdgeLoop::onConnectionOpened() {
  for (auto* sink : options_.sinks) sink->connectionOpened(options_.index, {});
}

void EdgeLoop::onConnectionClosed(uint64_t requests) {
  for (auto* sink : options_.sinks) sink->connectionClosed(options_.index, {requests});
}

void EdgeLoop::onAnswered(const http::Answered& answered) {
  observe::RequestFinished fact;
  fact.host = answered.head.authority;
  fact.method = answered.head.method;
  fact.path = answered.head.target;
  fact.status = answered.status;
  fact.errorCode = std::exchange(pageCode_, 0);
  fact.requestBytes = answered.requestBytes;
  fact.responseBytes = answered.responseBytes;
  fact.wallUs = static_cast<uint64_t>(answered.wall.count() / 1000);
  for (auto* sink : options_.sinks) sink->requestFinished(options_.index, fact);
}

Invocation* EdgeLoop::find(wire::InvocationId id, const EngineSeat& seat) {
  if (id.loop() != options_.index || id.slot() >= slots_.size()) return nullptr;
  Invocation* invocation = slots_[id.slot()].get();
  return invocation != nullptr && invocation->id() == id && invocation->isOn(&seat) ? invocation : nullptr;
}

void EdgeLoop::release(Invocation& invocation) {
  const uint32_t slot = invocation.id().slot();
  if (!slots_[slot]) return;
  --inFlight_;
  free_.push_back(slot);
  loop_.dispose(std::move(slots_[slot]));  // a frame below may stand in it
  endDrainIfEmpty();
}

void EdgeLoop::onEffect(EngineSeat& seat, wire::Bytes bytes) {
  bool legal = false;
  const bool decoded = wire::decodeTo<wire::Effect>(bytes, [&](const auto& effect) {
    legal = true;
    if constexpr (requires { effect.invocation; }) {
      // An invocation that is over may still be spoken of: the two sides cross.
      if (Invocation* invocation = find(effect.invocation, seat)) {
        invocation->hear();
        legal = invocation->on(effect);
      } else if (effect.invocation.loop() != options_.index) legal = false;
    } else if (options_.onEngineEffect) {
      options_.onEngineEffect(seat.link, wire::Effect(effect));
    }
  });
  if (!decoded || !legal) seat.link->condemn();
}

void EdgeLoop::onChunk(EngineSeat& seat, const wire::BodyChunk& chunk) {
  bool legal = chunk.invocation.loop() == options_.index;
  if (Invocation* invocation = find(chunk.invocation, seat)) {
    invocation->hear();
    legal = invocation->on(chunk);
  }
  if (!legal) seat.link->condemn();
}

void EdgeLoop::sweep() {
  const base::Instant now = loop_.now();
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i]) slots_[i]->expireIfDue(now);
  }
  if (inFlight_ > 0) sweepTimer_.arm(now + kSweepEvery);
}

bool EdgeLoop::drainEngine(EngineSeat& seat) {
  auto& link = *seat.link;
  int count = 0;
  for (; count < kEffectsPerLook && link.believed(); ++count) {
    const auto record = seat.reader.peek();
    if (!record) break;
    if (record->size() > wire::Bounds::kMessageBytesMax) {
      link.condemn();
      break;
    }
    if (const auto chunk = wire::decodeChunk<wire::Effect>(*record)) {
      // Its bytes go from the ring to the socket: nobody looks into them, so nobody minds when the engine rewrites
      // them.
      onChunk(seat, *chunk);
      seat.reader.pop();
      continue;
    }
    record_.assign(record->begin(), record->end());
    seat.reader.pop();
    onEffect(seat, record_);
  }
  if (seat.reader.broken()) link.condemn();
  return count == kEffectsPerLook;
}

void EdgeLoop::loseSeat(sandbox::EngineLink& link) {
  const auto at =
      std::find_if(seats_.begin(), seats_.end(), [&](const auto& seat) { return seat->link.get() == &link; });
  if (at == seats_.end()) return;
  while (drainEngine(**at)) {
  }  // what it said before it died still counts
  const std::unique_ptr<EngineSeat> seat = std::move(*at);
  seats_.erase(at);
  std::replace(slotSeats_.begin(), slotSeats_.end(), seat.get(), static_cast<EngineSeat*>(nullptr));
  // What it never read has not begun, and may begin elsewhere.
  const auto progress = link.progress();
  const uint64_t readUpTo = progress ? progress->read : ~uint64_t{0};
  uint32_t lost = 0;
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i] || !slots_[i]->isOn(seat.get())) continue;
    const bool begun = slots_[i]->hasBegun(readUpTo);
    if (!begun && slots_[i]->startElsewhere()) continue;
    if (slots_[i]->lose(begun ? wire::Outcome::kInternalError : wire::Outcome::kDaemonDown)) ++lost;
  }
  seat->lose(lost);
  seatHeld();
}

void EdgeLoop::onBatchEnd() {
  for (const auto& seat : seats_) seat->link->flush();
}

bool EdgeLoop::beforeSleep() {
  bool work = false;
  for (const auto& seat : seats_) {
    if (seat->link->believed() && drainEngine(*seat)) work = true;
  }
  // Then: what one engine says may have been answered to another.
  for (const auto& seat : seats_) {
    seat->link->flush();
    if (seat->link->believed() && !seat->reader.armSleep() && !seat->reader.broken()) work = true;
  }
  return work;
}

void EdgeLoop::afterWake() {
  for (const auto& seat : seats_) seat->reader.disarmSleep();
}

}  // namespace weir::edge
