#include "edge/subrequest.h"

#include <boost/url.hpp>

#include "edge/head_block.h"
#include "edge/invocation.h"

namespace weir::edge {

namespace {

constexpr int kRedirectsMax = 20;

}  // namespace

bool Subrequest::start(const wire::Subrequest& effect) {
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

void Subrequest::readMore(uint64_t bytes) {
  if (call_) call_->readMore(bytes);
}

void Subrequest::upload(std::span<const std::byte> bytes) {
  if (!call_ || uploadDone_) return;
  if (!call_->write(bytes)) return fail(wire::SubrequestFailure::kConnectionLost, "Network connection lost.");
  owed_ += static_cast<uint32_t>(bytes.size());
  if (call_->pendingBytes() <= Invocation::kPauseBytes) giveUploadCredit();
}

void Subrequest::uploadEnd() {
  if (call_ && !uploadDone_) {
    uploadDone_ = true;
    call_->finish();
  }
}

bool Subrequest::open(std::string url) {
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

void Subrequest::fail(wire::SubrequestFailure failure, std::string_view message) {
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

void Subrequest::giveUploadCredit() {
  const uint32_t bytes = std::exchange(owed_, 0);
  if (bytes == 0) return;
  if (uploadFromClient) {
    if (owner_.exchange_ != nullptr) owner_.exchange_->readMore(bytes);
  } else {
    owner_.send(wire::BodyCredit{owner_.id_, number_, bytes});
  }
}

void Subrequest::onHead(const http::ResponseHead& head) {
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

void Subrequest::onBody(std::span<const std::byte> bytes) {
  if (piped) {
    owner_.writeToClient(bytes);
    if (owner_.exchange_ != nullptr && call_ && owner_.exchange_->pendingBytes() <= Invocation::kPauseBytes) call_->readMore(bytes.size());
    else owner_.owedCredit_ += static_cast<uint32_t>(bytes.size());
    return;
  }
  inChunks(bytes, [&](auto part) { owner_.send(wire::BodyChunk{owner_.id_, number_, asWire(part)}); });
}

void Subrequest::onEnd() {
  call_.reset();
  if (piped) return owner_.finishResponse();
  ended = true;
  owner_.send(wire::BodyEnd{owner_.id_, number_});
}

void Subrequest::onError(const http::ClientError& error) {
  const bool lost = error.kind == http::ClientErrorKind::kLost || error.kind == http::ClientErrorKind::kConnect ||
                    error.kind == http::ClientErrorKind::kTimeout || error.kind == http::ClientErrorKind::kTls ||
                    error.kind == http::ClientErrorKind::kProtocol;
  if (error.kind == http::ClientErrorKind::kDns && !headSent_) return respondInstead(530, 1016);
  fail(lost ? wire::SubrequestFailure::kConnectionLost : wire::SubrequestFailure::kOther,
       lost ? std::string_view("Network connection lost.") : std::string_view(error.message));
}

void Subrequest::respondInstead(uint16_t status, int code) {
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

}  // namespace weir::edge
