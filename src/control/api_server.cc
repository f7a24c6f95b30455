#include "control/api_server.h"

#include <algorithm>

#include "base/this_thread.h"
#include "catalog/first_account.h"
#include "control/api_table.h"
#include "control/request_body.h"

namespace weir::control {

namespace {

constexpr uint64_t kReadStep = 256 * 1024;

// What a call with these parameters of its path is refused for.
template <class Parameters>
std::optional<ApiError> refusalOf(const Principal& principal, bool writes, const Parameters& parameters) {
  if (writes && !principal.mayWrite) return notAllowed("changes");
  bool ofScript = false;
  for (const auto& [name, value] : parameters) {
    if (name == "account" && !principal.reaches(value)) return accountNotAllowed();
    if (name == "script" && !principal.reachesScript(value)) return notAllowed("this Worker");
    ofScript |= name == "script";
  }
  if (writes && !ofScript && !principal.scripts.empty()) return notAllowed("changes of anything but its Workers");
  return std::nullopt;
}

}  // namespace

// One call. Shared by the loop, while its exchange is open or its worker runs, and the worker.
class ApiCall final : public http::ExchangeEvents, public std::enable_shared_from_this<ApiCall> {
 public:
  ApiCall(ApiServer& server, http::Exchange& exchange, ApiRouter::Match match)
      : server_(server), exchange_(&exchange), endpoint_(*match.endpoint) {
    request_.head = exchange.head();
    request_.remoteIp = exchange.remoteIp();
    request_.parameters = std::move(match.parameters);
    request_.query = std::move(match.query);
  }

  void start() {
    exchange_->setBodyBytesMax(endpoint_.bodyBytesMax);
    if (const auto body = exchange_->takeCompleteBody()) {
      if (!hold(body->size())) return finish(answer(tooBusy(), {}));
      request_.body.assign(reinterpret_cast<const char*>(body->data()), body->size());
      whole_ = true;
    }
    exchange_->setEvents(*this);
    work([](ApiCall& self, catalog::Catalog& catalog) { return self.admit(catalog); });
  }

 private:
  // Runs on a worker; what it returns is sent. Nullopt: the call goes on.
  using Step = std::optional<ApiAnswer> (*)(ApiCall& self, catalog::Catalog& catalog);

  void work(Step step) {
    server_.submit([self = shared_from_this(), step](catalog::Catalog* catalog) {
      std::optional<ApiAnswer> made =
          catalog == nullptr ? self->refusal(internalError("the catalog cannot be opened")) : step(*self, *catalog);
      if (!made && self->whole_) made = self->run(*catalog);
      self->server_.loop_.post([self, made = std::move(made)] {
        if (made) self->finish(*made);
        else self->read();
      });
    });
  }

  ApiAnswer refusal(const ApiError& error) const { return answer(error, server_.options_.docsUrl); }

  std::optional<ApiAnswer> admit(catalog::Catalog& catalog) {
    if (endpoint_.access == Access::kOpen) {
      ApiContext context{server_.options_.parts, catalog};
      const auto error = endpoint_.admit != nullptr ? endpoint_.admit(context, request_) : std::nullopt;
      return error ? std::optional<ApiAnswer>(refusal(*error)) : std::nullopt;
    }
    auto principal = server_.options_.authenticator.authenticate(catalog, request_.head, request_.remoteIp);
    if (!principal.ok()) return refusal(principal.error());
    request_.principal = std::move(*principal);
    const bool writes =
        endpoint_.access == Access::kByMethod && request_.head.method != "GET" && request_.head.method != "HEAD";
    const auto error = refusalOf(request_.principal, writes, request_.parameters);
    return error ? std::optional<ApiAnswer>(refusal(*error)) : std::nullopt;
  }

  ApiAnswer run(catalog::Catalog& catalog) {
    const auto encoding = request_.head.headers.find("content-encoding");
    if (encoding && !encoding->empty() && *encoding != "identity") {
      if (*encoding != "gzip") return refusal(wrongContentType("gzip or no Content-Encoding"));
      auto plain = gunzip(request_.body, endpoint_.bodyBytesMax);
      if (!plain.ok()) return refusal(plain.error());
      request_.body = std::move(plain).value();
    }
    const catalog::Acting acting(catalog, {catalog::ActorKind::kToken, request_.principal.id, request_.principal.name,
                                           "api", request_.remoteIp});
    ApiContext context{server_.options_.parts, catalog};
    auto made = endpoint_.handle(context, request_);
    return made.ok() ? std::move(made).value() : refusal(made.error());
  }

  // --- on the loop's thread

  void read() {
    if (exchange_ == nullptr) return forget();
    reading_ = true;
    exchange_->readMore(kReadStep);
  }

  bool hold(size_t bytes) {
    if (server_.bodyBytes_ + bytes > server_.options_.bodyBytesMax) return false;
    server_.bodyBytes_ += bytes;
    held_ += bytes;
    return true;
  }

  void onBody(std::span<const std::byte> bytes) override {
    if (!hold(bytes.size())) return finish(refusal(tooBusy()));
    request_.body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    exchange_->readMore(bytes.size());
  }

  void onBodyEnd() override {
    reading_ = false;
    whole_ = true;
    work([](ApiCall&, catalog::Catalog&) { return std::optional<ApiAnswer>(); });
  }

  void onBodyRefused(const http::Refusal& refused) override {
    ApiError error = refused.status == 413
                         ? ApiError{413, 10027, "The request body is larger than this endpoint accepts.", {}}
                         : badBody(refused.reason);
    error.status = refused.status;
    finish(refusal(error));
  }

  void onGone() override {
    exchange_ = nullptr;
    if (std::exchange(reading_, false)) forget();
  }

  void finish(const ApiAnswer& made) {
    if (auto* const exchange = std::exchange(exchange_, nullptr)) {
      http::HeaderList headers;
      headers.add("content-type", made.type);
      headers.add("cache-control", "no-store");
      headers.add("x-content-type-options", "nosniff");
      for (const auto& [name, value] : made.headers) headers.add(name, value);
      if (!exchange->respond(made.status, headers, made.body)) exchange->abort();
    }
    forget();
  }

  void forget() {
    server_.bodyBytes_ -= std::exchange(held_, 0);
    server_.calls_.erase(shared_from_this());
  }

  ApiServer& server_;
  http::Exchange* exchange_;  // null once it is dead
  const Endpoint& endpoint_;
  ApiRequest request_;
  bool whole_ = false;    // the body is there
  bool reading_ = false;  // the body is awaited, and no worker has the call
  size_t held_ = 0;
};

ApiServer::ApiServer(net::Loop& loop, Options options)
    : loop_(loop), options_(std::move(options)), router_(apiEndpoints()) {
  for (uint32_t i = 0; i < options_.workers; ++i) threads_.emplace_back([this] { work(); });
}

ApiServer::~ApiServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    queue_.clear();
  }
  options_.parts.checks.stop();
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void ApiServer::take(http::Exchange& exchange) {
  const auto refuse = [&](const ApiError& error) {
    const ApiAnswer made = answer(error, options_.docsUrl);
    http::HeaderList headers{{"content-type", made.type}, {"cache-control", "no-store"}};
    if (!exchange.respond(made.status, headers, made.body)) exchange.abort();
  };
  auto match = router_.match(exchange.head().method, exchange.head().target);
  if (!match.ok()) return refuse(match.error());
  if (calls_.size() >= options_.callsMax) return refuse(tooBusy());
  const auto call = std::make_shared<ApiCall>(*this, exchange, std::move(match).value());
  calls_.insert(call);
  call->start();
}

void ApiServer::authorize(const http::RequestHead& head, std::string_view remoteIp, std::string account,
                          std::string script, std::function<void(Authorized)> then) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= options_.callsMax) return loop_.post([then = std::move(then)] { then(tooBusy()); });
  }
  submit([this, head, remoteIp = std::string(remoteIp), account = std::move(account), script = std::move(script),
          then = std::move(then)](catalog::Catalog* catalog) mutable {
    const auto decide = [&]() -> Authorized {
      if (catalog == nullptr) return internalError("the catalog cannot be opened");
      auto principal = options_.authenticator.authenticate(*catalog, head, remoteIp);
      if (!principal.ok()) return principal.error();
      const auto owner = account.empty() ? catalog::firstAccount(*catalog) : catalog->findAccount(account);
      // Whoever may not see an account does not hear either whether there is one.
      if (!owner.ok()) return principal->everyAccount ? apiError(owner.error()) : accountNotAllowed();
      const std::pair<std::string_view, std::string_view> parameters[] = {{"account", owner->id}, {"script", script}};
      if (auto error = refusalOf(*principal, true, parameters)) return std::move(*error);
      return owner->id;
    };
    loop_.post([then = std::move(then), decided = decide()] { then(decided); });
  });
}

void ApiServer::submit(Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    queue_.push_back(std::move(work));
  }
  wake_.notify_one();
}

void ApiServer::work() {
  base::nameThisThread("api");
  base::workInBackground();
  std::unique_ptr<catalog::Catalog> catalog;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const Work next = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    if (!catalog) {
      auto opened = options_.openCatalog();
      if (opened.ok()) catalog = std::move(opened).value();
    }
    next(catalog.get());
    lock.lock();
  }
}

}  // namespace weir::control
