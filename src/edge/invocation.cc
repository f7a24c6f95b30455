#include "edge/invocation.h"

#include <boost/url.hpp>

#include "edge/error_page.h"

namespace weir::edge {

namespace {

constexpr size_t kLogBytesMax = wire::Bounds::kLogBytesMax;
constexpr size_t kCallsMax = 64;  // open at a time
constexpr int kRedirectsMax = 20;
constexpr size_t kPauseBytes = 128u << 10;  // towards the client: above this the source waits

std::span<const std::byte> asBytes(wire::Bytes bytes) {
  return {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()};
}
wire::Bytes asWire(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

// Headers a script may not set: framing is the platform's.
bool isOurs(std::string_view name) {
  return http::isHopByHop(name) || http::equalsIgnoreCase(name, "content-length");
}

http::HeaderList headersOf(wire::HeadBlock head) {
  http::HeaderList list;
  std::string_view rest = head.text;
  while (!rest.empty()) {
    const size_t nameEnd = rest.find('\n');
    const size_t valueEnd = rest.find('\n', nameEnd + 1);
    const auto name = rest.substr(0, nameEnd);
    if (!isOurs(name)) list.add(name, rest.substr(nameEnd + 1, valueEnd - nameEnd - 1));
    rest.remove_prefix(valueEnd + 1);
  }
  return list;
}

void appendHead(std::string& out, const http::HeaderList& headers) {
  for (const auto header : headers) {
    out.append(header.name).append("\n").append(header.value).append("\n");
  }
}

template <class Emit>
void inChunks(std::span<const std::byte> bytes, Emit&& emit) {
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min<size_t>(bytes.size(), wire::Bounds::kChunkBytesMax));
    emit(part);
    bytes = bytes.subspan(part.size());
  }
}

}  // namespace

// One subrequest, redirects included.
class Invocation::Call final : private http::CallEvents {
 public:
  Call(Invocation& owner, uint32_t number) : owner_(owner), number_(number) {}

  bool start(const wire::Subrequest& effect) {
    redirect_ = effect.redirect;
    request_.method = std::string(effect.method);
    request_.headers = headersOf(effect.head);
    request_.headers.set("CF-Worker", owner_.version_->script);
    switch (effect.bodyKind) {
      case wire::BodyKind::kInline:
        request_.bodyKind = http::RequestBody::kComplete;
        request_.body.assign(reinterpret_cast<const char*>(effect.body.data()), effect.body.size());
        break;
      case wire::BodyKind::kStream:
      case wire::BodyKind::kPipe:
        request_.bodyKind = http::RequestBody::kStreamed;
        if (effect.bodyLength != wire::kLengthUnknown) request_.contentLength = effect.bodyLength;
        break;
      case wire::BodyKind::kNone:
        break;
    }
    return open(std::string(effect.url));
  }

  void readMore(uint64_t bytes) {
    if (call_) call_->readMore(bytes);
  }
  void upload(std::span<const std::byte> bytes) {
    if (!call_ || uploadDone_) return;
    if (!call_->write(bytes)) return fail(wire::SubrequestFailure::kConnectionLost, "Network connection lost.");
    owed_ += static_cast<uint32_t>(bytes.size());
    if (call_->pendingBytes() <= kPauseBytes) giveUploadCredit();
  }
  void uploadEnd() {
    if (call_ && !uploadDone_) {
      uploadDone_ = true;
      call_->finish();
    }
  }
  void cancel() { call_.reset(); }
  bool open() const { return call_ != nullptr; }
  bool piped = false;           // the body goes straight to the client
  bool uploadFromClient = false;

 private:
  bool open(std::string url) {
    const auto parsed = boost::urls::parse_uri(url);
    if (!parsed) return false;
    url_ = std::move(url);
    const boost::urls::url_view view(url_);
    request_.https = view.scheme() == "https";
    if (!request_.https && view.scheme() != "http") return false;
    request_.host = std::string(view.encoded_host_address().data(), view.encoded_host_address().size());
    request_.port = view.has_port() ? view.port_number() : 0;
    request_.target = std::string(view.encoded_path().data(), view.encoded_path().size());
    if (request_.target.empty()) request_.target = "/";
    if (view.has_query()) {
      request_.target += '?';
      request_.target.append(view.encoded_query().data(), view.encoded_query().size());
    }
    request_.headers.remove("host");
    call_ = owner_.loop_.client_->start(request_, *this);
    return true;
  }

  void fail(wire::SubrequestFailure failure, std::string_view message) {
    call_.reset();
    if (headSent_) {
      if (piped) return owner_.cutResponse();
      owner_.send(wire::BodyAbort{owner_.id_, number_, message});
      return;
    }
    headSent_ = true;
    wire::SubrequestFailed failed;
    failed.invocation = owner_.id_;
    failed.subrequest = number_;
    failed.nowMs = owner_.loop_.options_.clock.wallMs();
    failed.failure = failure;
    failed.message = message;
    owner_.send(failed);
  }

  void giveUploadCredit() {
    const uint32_t bytes = std::exchange(owed_, 0);
    if (bytes == 0) return;
    if (uploadFromClient) {
      if (owner_.exchange_ != nullptr) owner_.exchange_->readMore(bytes);
    } else {
      owner_.send(wire::BodyCredit{owner_.id_, number_, bytes});
    }
  }

  void onHead(const http::ResponseHead& head) override {
    const bool isRedirect = head.status == 301 || head.status == 302 || head.status == 303 || head.status == 307 ||
                            head.status == 308;
    const auto location = head.headers.find("location");
    if (isRedirect && location && redirect_ != wire::Redirect::kManual) {
      if (redirect_ == wire::Redirect::kError) {
        return fail(wire::SubrequestFailure::kRedirectRefused, "Unexpected redirect");
      }
      if (++redirects_ > kRedirectsMax) return fail(wire::SubrequestFailure::kTooManyRedirects, "Too many redirects.");
      const auto reference = boost::urls::parse_uri_reference(*location);
      boost::urls::url target;
      if (!reference || !boost::urls::resolve(boost::urls::url_view(url_), *reference, target)) {
        return fail(wire::SubrequestFailure::kOther, "Invalid Location header");
      }
      if (head.status == 303 || ((head.status == 301 || head.status == 302) && request_.method == "POST")) {
        if (request_.method != "HEAD") request_.method = "GET";
        request_.bodyKind = http::RequestBody::kNone;
        request_.body.clear();
        request_.headers.remove("content-type");
      } else if (request_.bodyKind == http::RequestBody::kStreamed) {
        return fail(wire::SubrequestFailure::kOther, "A request with a one-time-use body encountered a redirect.");
      }
      const boost::urls::url_view before(url_);
      if (before.encoded_host_and_port() != target.encoded_host_and_port()) {
        request_.headers.remove("authorization");
        request_.headers.remove("cookie");
      }
      if (!open(std::string(target.buffer().data(), target.buffer().size()))) {
        fail(wire::SubrequestFailure::kOther, "Fetch API cannot load the redirect's target");
      }
      return;
    }
    headSent_ = true;
    wire::SubresponseHead out;
    out.invocation = owner_.id_;
    out.subrequest = number_;
    out.nowMs = owner_.loop_.options_.clock.wallMs();
    out.status = head.status;
    out.redirected = redirects_ > 0;
    out.bodyKind = wire::BodyKind::kStream;
    if (head.framing == http::Framing::kLength) out.bodyLength = head.contentLength;
    if (head.framing == http::Framing::kNone) out.bodyLength = 0;
    if (out.bodyLength == 0 || http::isBodiless(head.status)) out.bodyKind = wire::BodyKind::kNone;
    out.statusText = head.reason;
    out.url = url_;
    std::string block;
    appendHead(block, head.headers);
    out.head.text = block;
    owner_.send(out);
  }
  void onBody(std::span<const std::byte> bytes) override {
    if (piped) {
      owner_.writeToClient(bytes);
      if (owner_.exchange_ != nullptr && call_ && owner_.exchange_->pendingBytes() <= kPauseBytes) call_->readMore(bytes.size());
      else owner_.owedCredit_ += static_cast<uint32_t>(bytes.size());
      return;
    }
    inChunks(bytes, [&](auto part) { owner_.send(wire::BodyChunk{owner_.id_, number_, asWire(part)}); });
  }
  void onEnd() override {
    call_.reset();
    if (piped) return owner_.finishResponse();
    ended = true;
    owner_.send(wire::BodyEnd{owner_.id_, number_});
  }
  void onError(const http::ClientError& error) override {
    const bool lost = error.kind == http::ClientErrorKind::kLost || error.kind == http::ClientErrorKind::kConnect ||
                      error.kind == http::ClientErrorKind::kTimeout || error.kind == http::ClientErrorKind::kTls ||
                      error.kind == http::ClientErrorKind::kProtocol;
    if (error.kind == http::ClientErrorKind::kDns && !headSent_) return respondInstead(530, 1016);
    fail(lost ? wire::SubrequestFailure::kConnectionLost : wire::SubrequestFailure::kOther,
         lost ? std::string_view("Network connection lost.") : std::string_view(error.message));
  }
  void onDrained() override { giveUploadCredit(); }

  void respondInstead(uint16_t status, int code) {
    call_.reset();
    headSent_ = true;
    ended = true;
    const std::string body = "error code: " + std::to_string(code) + "\n";
    wire::SubresponseHead out;
    out.invocation = owner_.id_;
    out.subrequest = number_;
    out.nowMs = owner_.loop_.options_.clock.wallMs();
    out.status = status;
    out.bodyKind = wire::BodyKind::kInline;
    out.bodyLength = body.size();
    out.url = url_;
    out.head.text = "content-type\ntext/plain; charset=UTF-8\n";
    out.body = {reinterpret_cast<const uint8_t*>(body.data()), body.size()};
    owner_.send(out);
  }

 public:
  bool ended = false;

 private:
  Invocation& owner_;
  const uint32_t number_;
  http::ClientRequest request_;
  std::string url_;
  wire::Redirect redirect_ = wire::Redirect::kFollow;
  int redirects_ = 0;
  bool headSent_ = false;
  bool uploadDone_ = false;
  uint32_t owed_ = 0;
  std::unique_ptr<http::ClientCall> call_;
};

Invocation::Invocation(EdgeLoop& loop, wire::InvocationId id, uint32_t engine,
                       std::shared_ptr<const sandbox::RunnableVersion> version)
    : loop_(loop), id_(id), engine_(engine), version_(std::move(version)) {}

Invocation::~Invocation() = default;

template <class Message>
void Invocation::send(const Message& message) {
  if (done_) return;
  const auto& link = loop_.options_.engines[engine_];
  // An engine that leaves its ring full has stopped answering.
  if (link && !link->send(message)) link->condemn();
}

void Invocation::start(http::Exchange& exchange, const Ray& ray) {
  exchange_ = &exchange;
  ray_ = ray;
  const auto& request = exchange.head();
  startedMs_ = loop_.options_.clock.wallMs();
  started_ = loop_.loop_.now();
  method_ = request.method;
  url_.append(exchange.isTls() ? "https://" : "http://").append(request.authority).append(request.target);
  appendHead(head_, request.headers);
  head_ += "cf-ray\n";
  head_.append(ray.header()).append("\ncf-connecting-ip\n").append(exchange.remoteAddress().ip()).append("\n");

  wire::StartFetch event;
  event.invocation = id_;
  event.version = version_->number;
  event.nowMs = startedMs_;
  event.method = method_;
  event.url = url_;
  event.head.text = head_;
  const auto body = exchange.takeCompleteBody();
  if (body && body->size() <= wire::Bounds::kInlineBodyBytesMax) {
    if (!body->empty()) {
      event.bodyKind = wire::BodyKind::kInline;
      event.body = asWire(*body);
      event.bodyLength = body->size();
    }
    inboundEnded_ = true;
  } else {
    event.bodyKind = wire::BodyKind::kStream;
    if (request.framing == http::Framing::kLength) event.bodyLength = request.contentLength;
  }
  exchange.setEvents(*this);
  const auto& link = loop_.options_.engines[engine_];
  if (!link || !link->ensureLoaded(*version_) || !link->send(event)) settle(wire::Outcome::kDaemonDown, 0);
}

void Invocation::creditResponse(uint32_t bytes) {
  owedCredit_ += bytes;
  if (exchange_ == nullptr || exchange_->pendingBytes() > kPauseBytes || owedCredit_ < wire::Bounds::kChunkBytesMax) return;
  window_ += owedCredit_;
  send(wire::BodyCredit{id_, 0, std::exchange(owedCredit_, 0)});
}

void Invocation::writeToClient(std::span<const std::byte> bytes) {
  if (exchange_ == nullptr) return;
  responseBytes_ += bytes.size();
  if (exchange_->write(bytes) == http::WriteOutcome::kTaken) return;
  cutResponse();
}

void Invocation::finishResponse() {
  if (exchange_ == nullptr) return releaseIfOver();
  (void)exchange_->finish();
  exchange_ = nullptr;
  releaseIfOver();
}

void Invocation::cutResponse() {
  if (exchange_ != nullptr) {
    exchange_->abort();
    exchange_ = nullptr;
  }
  releaseIfOver();
}

bool Invocation::on(const wire::Respond& effect) {
  if (responded_ || done_) return false;
  responded_ = true;
  if (effect.status < 200 || effect.status > 599) return false;
  status_ = effect.status;
  if (exchange_ == nullptr) return true;
  http::HeaderList headers = headersOf(effect.head);
  headers.set("cf-ray", ray_.header());
  if (effect.bodyKind == wire::BodyKind::kNone || effect.bodyKind == wire::BodyKind::kInline) {
    responseBytes_ = effect.body.size();
    http::Exchange& exchange = *exchange_;
    exchange_ = nullptr;
    if (!exchange.respond(effect.status, headers, {reinterpret_cast<const char*>(effect.body.data()), effect.body.size()})) {
      errorCode_ = 1101;
      loop_.respondWithPage(exchange, 1101, ray_);
    }
    return true;
  }
  std::optional<uint64_t> length;
  if (effect.bodyLength != wire::kLengthUnknown) length = effect.bodyLength;
  if (!exchange_->startResponse(effect.status, headers, length)) {
    http::Exchange& exchange = *exchange_;
    exchange_ = nullptr;
    errorCode_ = 1101;
    loop_.respondWithPage(exchange, 1101, ray_);
    return true;
  }
  streaming_ = true;
  if (effect.bodyKind == wire::BodyKind::kStream) return true;
  if (effect.pipeFrom == 0) {
    echo_ = true;
    if (inboundEnded_) finishResponse();
    else exchange_->readMore(wire::Bounds::kStreamWindowBytes);
    return true;
  }
  const auto at = calls_.find(effect.pipeFrom);
  if (at == calls_.end()) return false;
  pipedFrom_ = effect.pipeFrom;
  at->second->piped = true;
  if (at->second->ended || !at->second->open()) {
    finishResponse();
  } else {
    at->second->readMore(wire::Bounds::kStreamWindowBytes);
  }
  return true;
}

bool Invocation::on(const wire::BodyChunk& effect) {
  if (effect.stream != 0) {
    const auto at = calls_.find(effect.stream);
    if (at != calls_.end()) at->second->upload(asBytes(effect.bytes));
    return true;
  }
  if (!streaming_ && exchange_ != nullptr) return false;
  if (effect.bytes.size() > window_) return false;
  window_ -= effect.bytes.size();
  writeToClient(asBytes(effect.bytes));
  creditResponse(static_cast<uint32_t>(effect.bytes.size()));
  return true;
}

bool Invocation::on(const wire::BodyEnd& effect) {
  if (effect.stream == 0) {
    finishResponse();
  } else if (const auto at = calls_.find(effect.stream); at != calls_.end()) {
    at->second->uploadEnd();
  }
  return true;
}

bool Invocation::on(const wire::BodyAbort& effect) {
  if (effect.stream == 0) {
    if (streaming_) cutResponse();
  } else if (const auto at = calls_.find(effect.stream); at != calls_.end()) {
    at->second->cancel();
  }
  return true;
}

bool Invocation::on(const wire::BodyCredit& effect) {
  if (effect.stream == 0) {
    if (exchange_ != nullptr && !inboundEnded_) exchange_->readMore(effect.bytes);
  } else if (const auto at = calls_.find(effect.stream); at != calls_.end()) {
    at->second->readMore(effect.bytes);
  }
  return true;
}

bool Invocation::on(const wire::BodyCancel& effect) {
  if (const auto at = calls_.find(effect.stream); at != calls_.end()) at->second->cancel();
  return true;
}

bool Invocation::on(const wire::Subrequest& effect) {
  if (effect.subrequest == 0 || calls_.contains(effect.subrequest)) return false;
  std::erase_if(calls_, [&](const auto& entry) { return !entry.second->open() && entry.first != pipedFrom_ && entry.second->ended; });
  auto& call = calls_[effect.subrequest];
  call = std::make_unique<Call>(*this, effect.subrequest);
  const bool pipesClient = effect.bodyKind == wire::BodyKind::kPipe && effect.pipeFrom == 0;
  call->uploadFromClient = pipesClient;
  if (calls_.size() > kCallsMax || !call->start(effect)) {
    wire::SubrequestFailed failed;
    failed.invocation = id_;
    failed.subrequest = effect.subrequest;
    failed.nowMs = loop_.options_.clock.wallMs();
    failed.failure = wire::SubrequestFailure::kOther;
    const std::string message = "Fetch API cannot load: " + std::string(effect.url);
    failed.message = message;
    send(failed);
    return true;
  }
  if (pipesClient) {
    uploadCall_ = effect.subrequest;
    if (inboundEnded_) call->uploadEnd();
    else if (exchange_ != nullptr) exchange_->readMore(wire::Bounds::kStreamWindowBytes);
  }
  return true;
}

bool Invocation::on(const wire::CancelSubrequest& effect) {
  if (const auto at = calls_.find(effect.subrequest); at != calls_.end()) at->second->cancel();
  return true;
}

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
  if (logBytes_ > kLogBytesMax) {
    truncated_ = true;
    return true;
  }
  exceptions_.push_back({effect.timestampMs, std::string(effect.name), std::string(effect.message), std::string(effect.stack)});
  return true;
}

bool Invocation::on(const wire::Done& effect) {
  if (done_) return false;
  settle(effect.outcome, effect.cpuUs);
  return true;
}

void Invocation::lose(wire::Outcome outcome) {
  if (!done_) settle(outcome, 0);
}

void Invocation::settle(wire::Outcome outcome, uint64_t cpuUs) {
  done_ = true;
  std::erase_if(calls_, [&](const auto& entry) { return entry.first != pipedFrom_ && entry.first != uploadCall_; });
  if (exchange_ != nullptr && !responded_) {
    const auto& facts = wire::factsOf(outcome == wire::Outcome::kOk ? wire::Outcome::kInternalError : outcome);
    errorCode_ = facts.errorCode != 0 ? facts.errorCode : 1101;
    http::Exchange& exchange = *exchange_;
    exchange_ = nullptr;
    loop_.respondWithPage(exchange, errorCode_, ray_);
    status_ = wire::factsOf(outcome).httpStatus;
  } else if (exchange_ != nullptr && streaming_ && pipedFrom_ == 0 && !echo_) {
    exchange_->abort();
    exchange_ = nullptr;
  }
  observe::InvocationFinished fact;
  fact.ray = ray_.id();
  fact.script = version_->script;
  fact.version = version_->id;
  fact.outcome = outcome;
  fact.status = status_;
  fact.errorCode = errorCode_;
  fact.startedMs = startedMs_;
  fact.cpuUs = cpuUs;
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
  for (auto* sink : loop_.options_.sinks) sink->invocationFinished(loop_.options_.index, fact);
  releaseIfOver();
}

void Invocation::releaseIfOver() {
  if (done_ && exchange_ == nullptr) loop_.release(*this);
}

void Invocation::onBody(std::span<const std::byte> bytes) {
  if (echo_) {
    writeToClient(bytes);
    if (exchange_ == nullptr) return;
    if (exchange_->pendingBytes() <= kPauseBytes) exchange_->readMore(bytes.size());
    else owedCredit_ += static_cast<uint32_t>(bytes.size());
    return;
  }
  if (uploadCall_ != 0) {
    if (const auto at = calls_.find(uploadCall_); at != calls_.end()) at->second->upload(bytes);
    return;
  }
  inChunks(bytes, [&](auto part) { send(wire::BodyChunk{id_, 0, asWire(part)}); });
}

void Invocation::onBodyEnd() {
  inboundEnded_ = true;
  if (echo_) return finishResponse();
  if (uploadCall_ != 0) {
    if (const auto at = calls_.find(uploadCall_); at != calls_.end()) at->second->uploadEnd();
    return;
  }
  send(wire::BodyEnd{id_, 0});
}

void Invocation::onBodyRefused(const http::Refusal& refusal) {
  inboundEnded_ = true;
  if (echo_) return cutResponse();
  send(wire::BodyAbort{id_, 0, "The request body could not be read."});
}

void Invocation::onDrained() {
  if (echo_) {
    if (!inboundEnded_) exchange_->readMore(std::exchange(owedCredit_, 0));
    return;
  }
  if (pipedFrom_ != 0) {
    if (const auto at = calls_.find(pipedFrom_); at != calls_.end()) at->second->readMore(std::exchange(owedCredit_, 0));
    return;
  }
  if (owedCredit_ == 0) return;
  window_ += owedCredit_;
  send(wire::BodyCredit{id_, 0, std::exchange(owedCredit_, 0)});
}

void Invocation::onGone() {
  exchange_ = nullptr;
  if (done_) return releaseIfOver();
  send(wire::CancelInvocation{id_});
}

}  // namespace weir::edge
