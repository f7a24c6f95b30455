// Static assets: upload sessions, and the uploads themselves.
#include <algorithm>
#include <boost/json.hpp>

#include "assets/base64.h"
#include "assets/limits.h"
#include "assets/manifest.h"
#include "catalog/hostname.h"
#include "control/api_table.h"
#include "control/asset_upload.h"
#include "http/codec/field_syntax.h"
#include "http/multipart.h"

namespace weir::control {

namespace json = boost::json;

namespace {

using Use = assets::SessionToken::Use;

// A hundred thousand paths of ordinary length, with hash and size.
constexpr uint64_t kManifestBytesMax = 24u << 20;
// The largest file, in base64, and the heads of its part.
constexpr uint64_t kAssetBodyBytesMax = (assets::Limits::kFileBytesMax + 2) / 3 * 4 + (1u << 20);
// What uploads say of a file that is to be served without a Content-Type.
constexpr std::string_view kNoType = "application/null";

ApiError refusalOf(const assets::ManifestError& error) {
  using Kind = assets::ManifestError::Kind;
  switch (error.kind) {
    case Kind::kMalformed: return badBody(error.message);
    case Kind::kTooManyFiles: return {400, 10303, error.message, {}};
    case Kind::kFileTooLarge: return {400, 10304, error.message, {}};
    case Kind::kBadPath: return {400, 10305, error.message, {}};
    case Kind::kBadHash: return {400, 10306, error.message, {}};
  }
  return badBody(error.message);
}

ApiResult openSession(ApiContext& context, const ApiRequest& request) {
  if (!catalog::isScriptName(request.script())) return badWorkerName();
  auto account = context.catalog.findAccount(request.account());
  if (!account.ok()) return apiError(account.error());
  auto manifest = assets::parseManifest(
      request.body, {.filesMax = account->limits().assets, .fileBytesMax = assets::Limits::kFileBytesMax});
  if (!manifest.ok()) return refusalOf(manifest.error());

  std::vector<assets::File> files;
  catalog::NewAssetSession session;
  files.reserve(manifest->files.size());
  for (const auto& entry : manifest->files) {
    assets::File file;
    file.path = entry.path;
    file.hash = entry.hash;
    file.size = entry.size;
    files.push_back(file);
    session.files.push_back({entry.hash, entry.size});
  }
  std::sort(session.files.begin(), session.files.end());
  session.files.erase(std::unique(session.files.begin(), session.files.end()), session.files.end());
  session.account = request.account();
  session.script = request.script();
  session.manifest = assets::FileTable::encode(std::move(files));
  session.key.resize(32);
  context.parts.random.fill(session.key);
  session.expiresMs = static_cast<catalog::UnixMs>(context.parts.clock.wallMs()) +
                      2 * std::chrono::milliseconds(assets::Limits::kTokenLife).count();
  auto opened = context.catalog.assets().openSession(session);
  if (!opened.ok()) return apiError(opened.error());

  catalog::AssetSession known;
  known.id = opened->id;
  known.account = session.account;
  known.key = session.key;
  known.expiresMs = session.expiresMs;
  json::array buckets;
  for (const auto& bucket : bucketsOf(opened->missing)) {
    json::array hashes;
    for (const auto& hash : bucket) hashes.emplace_back(hash);
    buckets.push_back(std::move(hashes));
  }
  json::object out;
  out["jwt"] = tokenFor(context, known, opened->missing.empty() ? Use::kVersion : Use::kUpload);
  out["buckets"] = std::move(buckets);
  return answer(out);
}

ApiTry<catalog::AssetSession> sessionOf(ApiContext& context, const ApiRequest& request) {
  constexpr std::string_view kScheme = "bearer ";
  const std::string_view field = request.head.headers.find("authorization").value_or("");
  if (field.size() <= kScheme.size() || !http::equalsIgnoreCase(field.substr(0, kScheme.size()), kScheme))
    return authenticationFailed();
  return openedBy(context, request.account(), field.substr(kScheme.size()), Use::kUpload);
}

std::optional<ApiError> admitUpload(ApiContext& context, const ApiRequest& request) {
  auto session = sessionOf(context, request);
  if (!session.ok()) return session.error();
  return std::nullopt;
}

ApiResult uploadAssets(ApiContext& context, const ApiRequest& request) {
  auto session = sessionOf(context, request);
  if (!session.ok()) return session.error();
  if (!http::isMultipartForm(request.contentType())) return wrongContentType("multipart/form-data");
  auto boundary = http::multipartBoundary(request.contentType());
  if (!boundary.ok()) return badUpload(boundary.error().message);
  auto parts = http::parseMultipart(std::as_bytes(std::span(request.body.data(), request.body.size())), *boundary);
  if (!parts.ok()) return badUpload(parts.error().message);
  std::vector<catalog::UploadedAsset> uploads;
  for (const auto& part : *parts) {
    catalog::UploadedAsset upload;
    const auto hash = assets::parseFileHash(part.name);
    if (!hash) return ApiError{400, 10306, "A part's name must be the hash of a file of the manifest.", {}};
    upload.hash = *hash;
    if (part.contentType != kNoType) upload.type = part.contentType;
    if (upload.type.size() > assets::Limits::kTypeBytesMax || !http::isFieldValue(upload.type))
      return ApiError{400, 10307, "Asset " + part.name + " has a Content-Type that cannot be sent.", {}};
    if (request.flag("base64")) {
      auto bytes = assets::decodeBase64(part.text(), assets::Limits::kFileBytesMax);
      if (!bytes) return ApiError{400, 10308, "Asset " + part.name + " is not base64, or it is too large.", {}};
      upload.content = std::move(*bytes);
    } else {
      if (part.bytes.size() > assets::Limits::kFileBytesMax)
        return ApiError{400, 10304, "Asset " + part.name + " is too large.", {}};
      upload.content.assign(part.bytes.begin(), part.bytes.end());
    }
    uploads.push_back(std::move(upload));
  }
  // The session's token stands for whoever has opened it.
  catalog::Actor actor = session->openedBy;
  actor.address = request.remoteIp;
  const catalog::Acting acting(context.catalog, std::move(actor));
  auto complete = context.catalog.assets().addAssets(session->id, uploads);
  if (!complete.ok()) return apiError(complete.error());
  json::object out;
  if (*complete) out["jwt"] = tokenFor(context, *session, Use::kVersion);
  ApiAnswer made = answer(out);
  made.status = *complete ? 201 : 202;
  return made;
}

}  // namespace

std::vector<Endpoint> assetEndpoints() {
  return {
      {"POST", "accounts/:account/workers/scripts/:script/assets-upload-session",
       "Begin an upload of static assets: which files are missing", "AssetsSession", openSession, kManifestBytesMax},
      Endpoint{"POST", "accounts/:account/workers/assets/upload?base64",
               "Upload files of an assets session (authorised by its token)", "AssetsUpload", uploadAssets,
               kAssetBodyBytesMax, Access::kOpen, admitUpload}
          .takesForm()};
}

}  // namespace weir::control
