#include "edge/invocation.h"

#include "base/hex.h"
#include "edge/error_page.h"
#include "edge/error_page_codes.h"
#include "edge/fetch_route.h"
#include "edge/head_block.h"

namespace weir::edge {

namespace {

constexpr size_t kLogBytesMax = wire::Bounds::kLogBytesMax;
constexpr std::string_view kResponseSent = "Can't read from request stream after response has been sent.";
constexpr std::string_view kResponseFailed = "Can't read from request stream after responding with an exception.";

// The host in lower case and without the scheme's own port, as a URL has it.
void appendHost(std::string& out, std::string_view authority, bool tls) {
  const std::string_view ownPort = tls ? ":443" : ":80";
  if (authority.ends_with(ownPort)) authority.remove_suffix(ownPort.size());
  for (const char c : authority) out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c);
}

// What a script sees as the request's URL. Bytes that no URL holds are escaped, as browsers do.
void appendUrl(std::string& out, const http::RequestHead& request, bool tls) {
  out.append(tls ? "https://" : "http://");
  appendHost(out, request.authority.empty() ? "localhost" : std::string_view(request.authority), tls);
  if (request.target == "*") {  // OPTIONS of the server as a whole
    out.push_back('/');
    return;
  }
  for (const char c : request.target) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out.push_back(c);
    } else {
      base::appendPercentEncoded(out, byte);
    }
  }
}

}  // namespace

Invocation::Invocation(EdgeLoop& loop, wire::InvocationId id, std::shared_ptr<const sandbox::RunnableVersion> version)
    : loop_(loop), id_(id), version_(std::move(version)), voice_(id) {}

Invocation::~Invocation() = default;

void Invocation::startInside(InnerExchange& exchange, const Ray& ray, uint8_t invocationsLeft, BodyMoment body) {
  inner_ = &exchange;
  start(exchange, ray, invocationsLeft, body);
}

void Invocation::startService(InnerExchange& exchange, const Ray& ray, InheritedCall inherited, BodyMoment body) {
  inner_ = &exchange;
  isService_ = true;
  asker_.zone = std::move(inherited.zone);
  entrypoint_ = std::move(inherited.entrypoint);
  props_ = std::move(inherited.props);
  chain_ = std::move(inherited.chain);
  start(exchange, ray, inherited.invocationsLeft, body);
}

void Invocation::startBehind(http::Exchange& exchange, InnerExchange* inner, const Ray& ray, uint8_t invocationsLeft,
                             std::optional<std::span<const std::byte>> body) {
  inner_ = inner;
  isBehind_ = true;
  start(exchange, ray, invocationsLeft, BodyMoment::kLater, body);
}

void Invocation::start(http::Exchange& exchange, const Ray& ray, uint8_t invocationsLeft, BodyMoment moment,
                       std::optional<std::span<const std::byte>> body) {
  exchange_ = &exchange;
  invocationsLeft_ = invocationsLeft;
  ray_ = ray;
  const auto& request = exchange.head();
  startedMs_ = loop_.options_.clock.wallMs();
  started_ = loop_.loop_.now();
  method_ = request.method;
  appendUrl(url_, request, exchange.isTls());
  client_ = exchange.remoteAddress();
  if (isService_) {
    appendHead(head_, request);
  } else {
    appendClientHead(head_, request,
                     {ray.header(), exchange.remoteIp(), exchange.isTls(),
                      isBehind_ ? std::optional(invocationsLeft) : std::nullopt});
  }

  wire::StartFetch event;
  describe(event);
  const bool small =
      request.framing != http::Framing::kLength || request.contentLength <= wire::Bounds::kInlineBodyBytesMax;
  if (moment == BodyMoment::kWithHead && small) body = exchange.takeCompleteBody();
  else if (request.framing == http::Framing::kNone) body.emplace();
  if (body) {
    if (!body->empty()) {
      event.bodyKind = wire::BodyKind::kInline;
      event.body = asWire(*body);
      event.bodyLength = body->size();
      repeatable_ = false;
    }
  } else {
    repeatable_ = false;
    event.bodyKind = wire::BodyKind::kStream;
    if (request.framing == http::Framing::kLength) event.bodyLength = request.contentLength;
    clientBody_.emplace(static_cast<BodySource&>(*this), voice_, 0);
  }
  exchange.setEvents(*this);
  handOver(event);
}

void Invocation::startScheduled(const Ray& ray, std::string_view cron, double scheduledMs,
                                std::function<void(wire::Outcome)> onEnd) {
  ray_ = ray;
  startedMs_ = loop_.options_.clock.wallMs();
  started_ = loop_.loop_.now();
  scheduled_ = std::make_unique<Scheduled>(Scheduled{std::string(cron), scheduledMs, std::move(onEnd)});
  wire::StartScheduled event;
  describe(event);
  handOver(event);
}

// Gives the event that starts it to an engine, or keeps it until there is one.
template <class Event>
void Invocation::handOver(const Event& event) {
  if (version_->refusal) return refuse(*version_->refusal);
  const auto seating = version_->content ? loop_.seatFor(*version_) : loop_.noSeat();
  if (seating.seat == nullptr) {
    wire::encode<wire::Event>(event, held_);
    if (!loop_.hold(*this, held_.size())) return settle(wire::Outcome::kLoadShed, 0);
    if (!version_->content) loop_.options_.load(version_);
    return;
  }
  seatOn(seating);
  if (seat_->feed.overloaded() || !seat_->link->ensureLoaded(*version_)) return settle(wire::Outcome::kLoadShed, 0);
  voice_.say(event);
}

// All of it but the body.
void Invocation::describe(wire::StartFetch& event) const {
  event.invocation = id_;
  event.version = version_->number;
  event.nowMs = startedMs_;
  event.method = method_;
  event.url = url_;
  event.head.text = head_;
  event.entrypoint = entrypoint_;
  event.props = props_;
}

void Invocation::describe(wire::StartScheduled& event) const {
  event.invocation = id_;
  event.version = version_->number;
  event.nowMs = startedMs_;
  event.scheduledMs = scheduled_->scheduledMs;
  event.cron = scheduled_->cron;
}

bool Invocation::startElsewhere() {
  if (done_ || !repeatable_ || (exchange_ == nullptr && !scheduled_)) return false;
  const auto encode = [&](auto&& event) {
    describe(event);
    wire::encode<wire::Event>(event, held_);
  };
  if (scheduled_) encode(wire::StartScheduled());
  else encode(wire::StartFetch());
  if (!loop_.hold(*this, held_.size())) {
    held_.clear();
    return false;
  }
  leaveSeat();
  voice_.silence();
  return true;
}

// The version failed its check: the page and the trace say so.
void Invocation::refuse(const sandbox::StartRefusal& refusal) {
  if (refusal.missing) return settle(wire::Outcome::kScriptNotFound, 0);
  keep({startedMs_, "Error", refusal.message, {}});
  switch (refusal.failure) {
    case wire::StartFailure::kCpu: return settle(wire::Outcome::kExceededCpu, 0);
    case wire::StartFailure::kMemory: return settle(wire::Outcome::kExceededMemory, 0);
    default: return settle(wire::Outcome::kException, 0);
  }
}

bool Invocation::resume() {
  if (version_->refusal) {
    held_.clear();
    refuse(*version_->refusal);
    return true;
  }
  if (!version_->content) return false;
  const auto seating = loop_.seatFor(*version_);
  if (seating.seat == nullptr) return false;
  seatOn(seating);
  std::vector<uint8_t> event = std::exchange(held_, {});
  if (seat_->feed.overloaded() || !seat_->link->ensureLoaded(*version_)) {
    settle(wire::Outcome::kLoadShed, 0);
  } else {
    seat_->feed.sendEncoded(std::move(event));
  }
  return true;
}

void Invocation::seatOn(EdgeLoop::Seating seating) {
  seat_ = seating.seat;
  rank_ = seating.rank;
  sentAt_ = loop_.loop_.now();
  waiting_ = true;
  sentFrom_ = seat_->link->writtenUpTo();
  seat_->invocationStarted();
  voice_.speakTo(seat_->feed);
  if (rank_ != EdgeLoop::kNoRank) version_->placement(loop_.options_.index).sent(rank_, sentAt_);
}

void Invocation::leaveSeat() {
  if (seat_ != nullptr) seat_->invocationEnded();
  seat_ = nullptr;
  if (std::exchange(waiting_, false) && rank_ != EdgeLoop::kNoRank)
    version_->placement(loop_.options_.index).lost(rank_);
}

// ---- the response ----

bool Invocation::on(const wire::Respond& effect) {
  if (effect.status == 101) return respondWithSocket(effect);
  if (responded_ || done_ || effect.status < 200 || effect.status > 599) return false;
  responded_ = true;
  engineStreams_ = effect.bodyKind == wire::BodyKind::kStream;
  status_ = effect.status;
  if (exchange_ == nullptr) return true;  // the client has gone; the engine is being told
  http::HeaderList headers = headersOf(effect.head);
  if (!isService_) headers.set("cf-ray", ray_.header());
  if (effect.bodyKind == wire::BodyKind::kStream || effect.bodyKind == wire::BodyKind::kPipe) {
    return startResponse(effect, headers);
  }
  response_ = Response::kOver;
  responseBytes_ = effect.body.size();
  if (!exchange_->respond(effect.status, headers,
                          {reinterpret_cast<const char*>(effect.body.data()), effect.body.size()})) {
    refuseResponse();
  }
  exchange_ = nullptr;
  endRequestBody(kResponseSent);
  return true;
}

bool Invocation::startResponse(const wire::Respond& effect, const http::HeaderList& headers) {
  InboundBody* source = nullptr;
  if (effect.bodyKind == wire::BodyKind::kPipe) {
    bool known = false;
    source = bodyOf(effect.pipeFrom, known);
    if (source == nullptr || !source->untouched()) return false;
  }
  std::optional<uint64_t> length;
  if (effect.bodyLength != wire::kLengthUnknown) length = effect.bodyLength;
  if (!exchange_->startResponse(effect.status, headers, length)) {
    refuseResponse();
    exchange_ = nullptr;
    return true;
  }
  if (method_ == "HEAD" || http::isBodiless(effect.status)) {
    // Nobody will see the body: whoever makes it is told so.
    if (source != nullptr) (void)source->onCancel();
    if (engineStreams_) voice_.say(wire::BodyCancel{id_, 0});
    (void)exchange_->finish();
    exchange_ = nullptr;
    endRequestBody(kResponseSent);
    response_ = Response::kOver;
    return true;
  }
  response_ = source != nullptr ? Response::kBody : Response::kEngine;
  responseBody_ = source;
  return source == nullptr || source->pipeTo(*this);
}

bool Invocation::on(const wire::Forward& effect) {
  if (responded_ || done_ || effect.bodyKind == wire::BodyKind::kStream) return false;
  if (effect.bodyKind == wire::BodyKind::kPipe && !clientBody_) return false;
  responded_ = true;
  response_ = Response::kOver;
  if (exchange_ == nullptr) return true;
  const auto zone = isService_ ? nullptr : loop_.behindScripts(authority());
  const bool whole = effect.bodyKind != wire::BodyKind::kPipe || clientBody_->untouched();
  if (!zone && !isService_ && whole && forwardToScript(effect)) return true;
  if (!zone || !whole) {
    if (!effect.failedOpen) {
      keep({loop_.options_.clock.wallMs(),
            "Error",
            "The script did not call respondWith(), and there is no origin to send the request to.",
            {}});
    }
    refuseResponse();
    exchange_ = nullptr;
    return true;
  }
  failedOpen_ = effect.failedOpen;
  OriginProxy::Body body;
  if (effect.bodyKind == wire::BodyKind::kPipe) {
    body.kind = http::RequestBody::kStreamed;
  } else if (effect.bodyKind == wire::BodyKind::kInline) {
    body.kind = http::RequestBody::kComplete;
    body.complete.assign(reinterpret_cast<const char*>(effect.body.data()), effect.body.size());
  }
  http::Exchange& exchange = *std::exchange(exchange_, nullptr);
  proxy_ = std::make_unique<OriginProxy>(static_cast<OriginProxyOwner&>(*this), *loop_.client_,
                                         loop_.options_.outbound->ofOrigins(), loop_.sockets_, zone, ray_);
  proxy_->take(exchange, inner_, std::move(body));
  endRequestBody(kResponseSent);
  return true;
}

// Behind a route on the host of a custom domain is the script of the domain.
bool Invocation::forwardToScript(const wire::Forward& effect) {
  const auto behind = loop_.scriptBehind(authority(), *version_);
  if (!behind) return false;
  failedOpen_ = effect.failedOpen;
  std::optional<std::span<const std::byte>> body;
  if (effect.bodyKind == wire::BodyKind::kInline) body = std::as_bytes(effect.body);
  loop_.serveBehind(*std::exchange(exchange_, nullptr), inner_, *behind, invocationsLeft_, body);
  endRequestBody(kResponseSent);
  return true;
}

bool Invocation::on(const wire::Fail&) {
  if (responded_ || done_) return false;
  responded_ = true;
  if (exchange_ == nullptr) return true;  // it has gone, or there never was one
  refuseResponse();
  exchange_ = nullptr;
  endRequestBody(kResponseFailed);
  return true;
}

// What stands behind a script that failed has failed too: as if nothing did.
void Invocation::respondWithPage(http::Exchange& exchange, uint16_t code, const Ray& ray) {
  errorCode_ = std::exchange(failedOpen_, false) ? 1101 : code;
  const ErrorFacts* const facts = findErrorFacts(errorCode_);
  status_ = facts != nullptr ? facts->httpStatus : errorCode_;
  loop_.respondWithPage(exchange, errorCode_, ray);
}

void Invocation::onProxyOver(OriginProxy& proxy) {
  if (proxy.status() != 0) status_ = proxy.status();
  responseBytes_ += proxy.responseBytes();
  clientGone_ |= proxy.clientGone();
  conclude();
}

void Invocation::endRequestBody(std::string_view why) {
  if (clientBody_ && clientBody_->flowing()) clientBody_->onBroken(why);
}

// The script's response cannot be sent: the platform's page instead.
void Invocation::refuseResponse() {
  response_ = Response::kOver;
  responseRefused_ = true;
  errorCode_ = 1101;
  status_ = 500;
  if (engineStreams_) voice_.say(wire::BodyCancel{id_, 0});
  tellFailure(*exchange_);
}

// Instead of a response: a page, or to a script that called this one what it would have caught itself.
void Invocation::tellFailure(http::Exchange& exchange) {
  if (!isService_) return loop_.respondWithPage(exchange, errorCode_, ray_);
  if (failure_) return inner_->fail(failure_->name, failure_->message);
  switch (outcome_) {
    case wire::Outcome::kInternalError:
    case wire::Outcome::kDaemonDown: return inner_->abort();  // another time it may work
    case wire::Outcome::kLoadShed: return inner_->shed(kNoRoom);
    default: return inner_->fail("Error", "The execution context responding to this call was canceled.");
  }
}

// What a caller hears does not depend on what the trace has room for.
void Invocation::keep(Thrown thrown) {
  if (isService_) failure_ = thrown;
  if (logBytes_ <= kLogBytesMax) exceptions_.push_back(std::move(thrown));
}

void Invocation::giveResponseCredit(bool all) {
  if (response_ != Response::kEngine || !engineStreams_ || bodyPending() > kPauseBytes) return;
  if (const uint32_t credit = window_.giveBack(all)) voice_.say(wire::BodyCredit{id_, 0, credit});
}

bool Invocation::takeBody(std::span<const std::byte> bytes) {
  if (exchange_ == nullptr) return false;
  const auto outcome = exchange_->write(bytes);
  if (outcome == http::WriteOutcome::kTaken) {
    responseBytes_ += bytes.size();
    return true;
  }
  if (outcome == http::WriteOutcome::kAborted) exchange_ = nullptr;
  cutResponse();
  return false;
}

void Invocation::endBody() { finishResponse(); }

void Invocation::breakBody(std::string_view) { cutResponse(); }

void Invocation::finishResponse() {
  responseBody_ = nullptr;
  response_ = Response::kOver;
  if (exchange_ != nullptr) (void)std::exchange(exchange_, nullptr)->finish();
  endRequestBody(kResponseSent);
  conclude();
}

// The client can tell that the response is not whole.
void Invocation::cutResponse() {
  responseBody_ = nullptr;
  response_ = Response::kOver;
  if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->abort();
  endRequestBody(kResponseSent);
  if (engineStreams_) voice_.say(wire::BodyCancel{id_, 0});
  conclude();
}

// ---- bodies ----

InboundBody* Invocation::bodyOf(wire::StreamId stream, bool& known) {
  if (stream == 0) {
    known = clientBody_.has_value();
    return known ? &*clientBody_ : nullptr;
  }
  known = subrequests_ && subrequests_->wasStarted(stream);
  return known ? subrequests_->body(stream) : nullptr;
}

bool Invocation::on(const wire::BodyChunk& effect) {
  if (done_ || effect.bytes.empty()) return false;
  if (effect.stream != 0) {
    if (!subrequests_ || !subrequests_->wasStarted(effect.stream)) return false;
    Subrequest* subrequest = subrequests_->find(effect.stream);
    return subrequest == nullptr || subrequest->onUploadChunk(asBytes(effect.bytes));
  }
  if (!engineStreams_ || !window_.take(effect.bytes.size())) return false;
  if (response_ == Response::kEngine && takeBody(asBytes(effect.bytes))) giveResponseCredit(false);
  return true;
}

bool Invocation::on(const wire::BodyEnd& effect) {
  if (done_) return false;
  if (effect.stream != 0) {
    if (!subrequests_ || !subrequests_->wasStarted(effect.stream)) return false;
    Subrequest* subrequest = subrequests_->find(effect.stream);
    return subrequest == nullptr || subrequest->onUploadEnd();
  }
  if (!std::exchange(engineStreams_, false)) return false;
  if (response_ == Response::kEngine) finishResponse();
  return true;
}

bool Invocation::on(const wire::BodyAbort& effect) {
  if (done_) return false;
  if (effect.stream != 0) {
    if (!subrequests_ || !subrequests_->wasStarted(effect.stream)) return false;
    Subrequest* subrequest = subrequests_->find(effect.stream);
    return subrequest == nullptr || subrequest->onUploadAbort();
  }
  if (!std::exchange(engineStreams_, false)) return false;
  if (response_ == Response::kEngine) cutResponse();
  return true;
}

bool Invocation::on(const wire::BodyCredit& effect) {
  if (done_) return false;
  bool known = false;
  InboundBody* body = bodyOf(effect.stream, known);
  return body != nullptr ? body->onCredit(effect.bytes) : known;
}

bool Invocation::on(const wire::BodyCancel& effect) {
  if (done_) return false;
  bool known = false;
  InboundBody* body = bodyOf(effect.stream, known);
  return body != nullptr ? body->onCancel() : known;
}

// ---- subrequests ----

Subrequests& Invocation::subrequests() {
  if (!subrequests_) {
    if (!chain_) chain_ = std::make_shared<CallChain>(version_->content->limits.subrequests);
    asker_ = {std::string(ray_.id()),
              scheduled_ ? std::string() : client_.ip(),
              zone(),
              version_->account,
              version_->script,
              version_->content->compatibility.has(wire::Compatibility::kGlobalFetchStrictlyPublic),
              invocationsLeft_};
    subrequests_ = std::make_unique<Subrequests>(*loop_.client_, loop_.options_.clock, static_cast<SocketTaker&>(*this),
                                                 voice_, static_cast<ServiceCaller&>(*this), *loop_.options_.outbound,
                                                 asker_, *chain_, SubrequestLimits{});
  }
  return *subrequests_;
}

// By which the request came; one that did not come from outside has its account's part of the workers domain.
std::string Invocation::zone() const {
  if (isService_) return asker_.zone;
  if (scheduled_) return loop_.workersZoneOf(*version_);
  return loop_.zoneOf(authority(), *version_);
}

std::string_view Invocation::authority() const {
  const std::string_view rest = std::string_view(url_).substr(url_.find("://") + 3);
  return rest.substr(0, rest.find('/'));
}

bool Invocation::on(const wire::Subrequest& effect) {
  return !done_ && subrequests().start(effect, clientBody_ ? &*clientBody_ : nullptr);
}

ServiceCall Invocation::callService(uint32_t service, http::ClientRequest request, InnerCallEvents& events) {
  if (service > version_->content->services.size()) return {};
  const auto& target = version_->content->services[service - 1];
  const InnerCall::Budgets budgets{version_->heldBytes(loop_.options_.index), loop_.callBytes_};
  if (target.ownAssets) {
    return {InnerCall::start(loop_.loop_, std::move(request), client_, budgets, events,
                             [&loop = loop_, version = version_](InnerExchange& exchange) {
                               loop.serveOwnAssets(exchange, *version);
                             }),
            0};
  }
  auto version = loop_.options_.routes->findScript(version_->account, target.script, ray_.id());
  if (!version) return {};
  if (invocationsLeft_ == 1) return {nullptr, 1019};
  InheritedCall inherited{target.entrypoint, target.props, asker_.zone, chain_,
                          static_cast<uint8_t>(invocationsLeft_ - 1)};
  return {InnerCall::start(loop_.loop_, std::move(request), client_,
                           {version_->heldBytes(loop_.options_.index), loop_.callBytes_}, events,
                           [&loop = loop_, version = std::move(version), inherited = std::move(inherited)](
                               InnerExchange& exchange) { loop.serveInner(exchange, version, inherited); }),
          0};
}

HostWay Invocation::wayTo(const http::Url& url) {
  const auto route = routeFetch(*loop_.options_.routes->routing,
                                {asker_.zone, asker_.account, asker_.script, asker_.strictlyPublic}, url);
  HostWay way;
  if (route.way == FetchRoute::Way::kNetwork) return way;
  way.toward = route.sameZone ? Toward::kOwnZone : Toward::kOtherZone;
  way.errorCode = route.errorCode;
  way.inside = route.way == FetchRoute::Way::kFrontDoor || route.way == FetchRoute::Way::kBehind;
  way.pastRoutes = route.way == FetchRoute::Way::kBehind;
  if (route.way == FetchRoute::Way::kOrigin) way.origin = route.zone->origin;
  return way;
}

std::unique_ptr<http::ClientCall> Invocation::callHost(const HostWay& way, http::ClientRequest request,
                                                       InnerCallEvents& events) {
  const auto client = net::Address::fromIp(request.headers.find("cf-connecting-ip").value_or(""), 0).value_or(client_);
  return InnerCall::start(loop_.loop_, std::move(request), client,
                          {version_->heldBytes(loop_.options_.index), loop_.callBytes_}, events,
                          [&loop = loop_, pastRoutes = way.pastRoutes](InnerExchange& exchange) {
                            loop.serveInside(exchange, pastRoutes);
                          });
}

bool Invocation::on(const wire::CancelSubrequest& effect) {
  if (done_ || !subrequests_ || !subrequests_->wasStarted(effect.subrequest)) return false;
  subrequests_->cancel(effect.subrequest);
  return true;
}

bool Invocation::on(const wire::CountRate& effect) {
  const auto& spaces = version_->content->rateSpaces;
  if (done_ || effect.call != ++rateCalls_ || effect.limiter == 0 || effect.limiter > spaces.size() ||
      effect.delta == 0 || !wire::isRatePeriod(effect.periodSeconds)) {
    return false;
  }
  const RateQuery query{version_->account, spaces[effect.limiter - 1], effect.key,
                        effect.limit,      effect.periodSeconds,       effect.delta};
  const bool within = loop_.options_.rates->take(query, loop_.options_.clock.now());
  voice_.say(wire::RateCounted{id_, effect.call, loop_.options_.clock.wallMs(), within});
  return true;
}

// ---- WebSockets ----

Sockets& Invocation::sockets() {
  if (!sockets_) sockets_ = std::make_unique<Sockets>(loop_.sockets_, voice_, static_cast<SocketPumpOwner&>(*this));
  return *sockets_;
}

bool Invocation::respondWithSocket(const wire::Respond& effect) {
  const bool joined = effect.bodyKind == wire::BodyKind::kPipe;
  if (responded_ || done_ || (!joined && effect.bodyKind != wire::BodyKind::kStream)) return false;
  if (joined && (effect.pipeFrom == 0 || !sockets_ || sockets_->find(effect.pipeFrom) == nullptr)) return false;
  responded_ = true;
  response_ = Response::kOver;
  status_ = 101;
  engineSocket_ = !joined;
  if (exchange_ == nullptr) return true;  // the client has gone; the engine is being told
  http::HeaderList headers = headersOf(effect.head);
  headers.set("cf-ray", ray_.header());
  http::Exchange& exchange = *exchange_;
  const auto refusal = sockets().openClient(exchange, inner_, headers, joined ? effect.pipeFrom : 0);
  exchange_ = nullptr;
  if (!refusal) return true;
  status_ = refusal->status;
  http::HeaderList page{
      {"Content-Type", "text/plain; charset=UTF-8"}, {"Sec-WebSocket-Version", "13"}, {"cf-ray", ray_.header()}};
  if (!exchange.respond(refusal->status, page, std::string(refusal->reason) + "\n")) exchange.abort();
  return true;
}

std::string Invocation::makeSocketKey() { return loop_.sockets_.full() ? std::string() : loop_.sockets_.makeKey(); }

void Invocation::onSocket(uint32_t number, const std::optional<http::websocket::DeflateParameters>& deflate,
                          std::unique_ptr<net::Stream> stream, std::string received) {
  sockets().openUpstream(number, deflate, std::move(stream), std::move(received));
}

void Invocation::onSocket(uint32_t number, std::unique_ptr<http::websocket::Channel> channel) {
  sockets().openUpstream(number, std::move(channel));
}

void Invocation::onSocketChanged() {
  if (concluded_) return release();
  conclude();
}

SocketPump* Invocation::socketOf(wire::StreamId socket, bool& known) {
  SocketPump* const pump = sockets_ ? sockets_->find(socket) : nullptr;
  // The engine may speak of the client's before it hears that there is none after all.
  known = pump != nullptr || (socket == 0 && engineSocket_);
  return pump;
}

bool Invocation::on(const wire::SocketPiece& effect) {
  bool known = false;
  SocketPump* const pump = socketOf(effect.socket, known);
  return pump != nullptr ? pump->onPiece(effect) : known;
}

bool Invocation::on(const wire::SocketClose& effect) {
  bool known = false;
  SocketPump* const pump = socketOf(effect.socket, known);
  return pump != nullptr ? pump->onClose(effect) : known;
}

bool Invocation::on(const wire::SocketCredit& effect) {
  bool known = false;
  SocketPump* const pump = socketOf(effect.socket, known);
  return pump != nullptr ? pump->onCredit(effect.bytes) : known;
}

// ---- what it leaves behind ----

bool Invocation::on(const wire::LogLine& effect) {
  logBytes_ += effect.message.size() + 32;
  if (logBytes_ > kLogBytesMax) {
    truncated_ = true;
    return true;
  }
  logs_.push_back({effect.timestampMs, effect.level, std::string(effect.message)});
  return true;
}

bool Invocation::on(const wire::ExceptionThrown& effect) {
  logBytes_ += effect.message.size() + effect.stack.size() + 64;
  if (logBytes_ > kLogBytesMax) truncated_ = true;
  keep({effect.timestampMs, std::string(effect.name), std::string(effect.message), std::string(effect.stack)});
  return true;
}

bool Invocation::on(const wire::Done& effect) {
  if (done_) return true;  // an engine that abandons a turn ends all that the turn may have ended already
  settle(effect.outcome, effect.cpuUs);
  return true;
}

void Invocation::expireIfDue(base::Instant now) {
  if (done_ || expired_ || isHeld() || exchange_ != nullptr || forwarding() || (sockets_ && !sockets_->clientOver()))
    return;
  if (scheduled_) {
    if (now - started_ < std::chrono::milliseconds(version_->content->limits.scheduledMs)) return;
    expired_ = true;
    voice_.say(wire::ExpireInvocation{id_, true});
    return;
  }
  if (responseOver_ == base::Instant::max()) responseOver_ = now;
  if (now - responseOver_ < std::chrono::milliseconds(version_->content->limits.waitUntilMs)) return;
  expire();
}

bool Invocation::lose(wire::Outcome outcome) {
  if (done_) return false;
  settle(outcome, 0);
  return true;
}

void Invocation::settle(wire::Outcome outcome, uint64_t cpuUs) {
  done_ = true;
  held_.clear();
  outcome_ = outcome;
  cpuUs_ = cpuUs;
  leaveSeat();
  if (clientBody_) clientBody_->forgetEngine();
  engineStreams_ = false;
  if (sockets_)
    sockets_->endEngine(outcome == wire::Outcome::kOk ? http::websocket::kGoingAway : http::websocket::kInternalError);
  voice_.silence();
  if (subrequests_) subrequests_->keepOnly(responseBody_);
  if (exchange_ != nullptr && !responded_) {
    const auto& facts = wire::factsOf(outcome == wire::Outcome::kOk ? wire::Outcome::kInternalError : outcome);
    errorCode_ = facts.errorCode != 0 ? facts.errorCode : 1101;
    http::Exchange& exchange = *exchange_;
    exchange_ = nullptr;
    tellFailure(exchange);
    status_ = wire::factsOf(outcome).httpStatus;
  } else if (exchange_ != nullptr && response_ == Response::kEngine) {
    std::exchange(exchange_, nullptr)->abort();
  }
  conclude();
}

// Over when the engine is done and the client has its response, or has gone.
void Invocation::conclude() {
  if (!done_ || exchange_ != nullptr || forwarding() || (sockets_ && !sockets_->clientOver()) ||
      std::exchange(concluded_, true))
    return;
  if (sockets_) {
    clientGone_ |= sockets_->clientLost();
    responseBytes_ += sockets_->clientBytes();
  }
  if (outcome_ == wire::Outcome::kOk) {
    if (responseRefused_) outcome_ = wire::Outcome::kException;
    if (clientGone_) outcome_ = responded_ ? wire::Outcome::kResponseStreamDisconnected : wire::Outcome::kCanceled;
  }
  observe::InvocationFinished fact;
  fact.ray = ray_.id();
  fact.script = version_->script;
  fact.version = version_->wholeId();
  fact.outcome = outcome_;
  fact.status = status_;
  fact.errorCode = errorCode_;
  fact.failedOpen = failedOpen_;
  fact.startedMs = startedMs_;
  fact.cpuUs = cpuUs_;
  fact.wallUs = static_cast<uint64_t>((loop_.options_.clock.now() - started_).count() / 1000);
  fact.responseBytes = responseBytes_;
  fact.method = method_;
  fact.url = url_;
  fact.requestHead.text = head_;
  std::vector<observe::LogEntry> logs;
  for (const auto& log : logs_) logs.push_back({log.timestampMs, log.level, log.message});
  std::vector<observe::ExceptionEntry> exceptions;
  for (const auto& e : exceptions_) exceptions.push_back({e.timestampMs, e.name, e.message, e.stack});
  fact.logs = logs;
  fact.exceptions = exceptions;
  fact.truncated = truncated_;
  if (scheduled_) {
    fact.kind = observe::EventKind::kScheduled;
    fact.cron = scheduled_->cron;
    fact.scheduledMs = scheduled_->scheduledMs;
  }
  for (auto* sink : loop_.options_.sinks) sink->invocationFinished(loop_.options_.index, fact);
  if (scheduled_ && scheduled_->onEnd) scheduled_->onEnd(outcome_);
  release();
}

// Connections may outlive the trace: a close frame is still on its way.
void Invocation::release() {
  if (released_ || (sockets_ && !sockets_->ended())) return;
  released_ = true;
  loop_.release(*this);
}

// ---- the client ----

void Invocation::readBody(uint64_t bytes) {
  if (exchange_ != nullptr) exchange_->readMore(bytes);
}

void Invocation::onBody(std::span<const std::byte> bytes) {
  if (clientBody_) clientBody_->onBytes(bytes);
}

void Invocation::onBodyEnd() {
  if (clientBody_) clientBody_->onEnd();
}

void Invocation::onBodyRefused(const http::Refusal& refusal) {
  if (exchange_ != nullptr && !responded_) {
    // The client is told at once; what the script would say of it interests nobody.
    responded_ = true;
    clientGone_ = true;
    response_ = Response::kOver;
    errorCode_ = codeOrGeneral(refusal.status);
    status_ = findErrorFacts(errorCode_)->httpStatus;
    loop_.respondWithPage(*std::exchange(exchange_, nullptr), errorCode_, ray_);
    if (isHeld()) return settle(wire::Outcome::kCanceled, 0);
    voice_.say(wire::CancelInvocation{id_});
  }
  if (clientBody_) clientBody_->onBroken("The request body could not be read.");
}

void Invocation::onDrained() {
  if (response_ == Response::kBody) {
    if (responseBody_ != nullptr) responseBody_->onSinkDrained();
  } else {
    giveResponseCredit(true);
  }
}

void Invocation::onGone() {
  exchange_ = nullptr;
  clientGone_ = true;
  if (responseBody_ != nullptr) std::exchange(responseBody_, nullptr)->forgetSink();
  response_ = Response::kOver;
  if (isHeld()) return settle(wire::Outcome::kCanceled, 0);
  // First that nobody waits: what the script then says of its broken body is no exception of the invocation.
  voice_.say(wire::CancelInvocation{id_});
  if (clientBody_) clientBody_->onBroken("Can't read from request stream because client disconnected.");
  conclude();
}

}  // namespace weir::edge
