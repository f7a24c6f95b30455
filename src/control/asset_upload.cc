#include "control/asset_upload.h"

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "assets/limits.h"
#include "assets/manifest.h"
#include "assets/site.h"

namespace weir::control {

namespace json = boost::json;

namespace {

ApiError wrongAssets(std::string_view must) { return badBody("metadata.assets" + std::string(must)); }

// The session's files with what was uploaded under their hashes, as a set of the catalog.
ApiTry<uint64_t> setOf(ApiContext& context, catalog::AssetSession session) {
  const auto table = assets::FileTable::decode(std::move(session.manifest));
  if (!table) return internalError("the manifest of an upload session cannot be read");
  std::vector<assets::File> files;
  std::vector<catalog::AssetHash> hashes;
  files.reserve(table->size());
  for (size_t i = 0; i < table->size(); ++i) {
    files.push_back((*table)[i]);
    hashes.push_back(files.back().hash);
  }
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  auto stored = context.catalog.assets().findAssets(session.account, hashes);
  if (!stored.ok()) return apiError(stored.error());
  std::set<uint64_t> contents;
  for (auto& file : files) {
    const auto at = std::lower_bound(hashes.begin(), hashes.end(), file.hash);
    const auto& asset = (*stored)[static_cast<size_t>(at - hashes.begin())];
    file.content = asset.content;
    file.size = asset.size;
    file.type = asset.type;
    contents.insert(asset.content);
  }
  auto set =
      context.catalog.assets().addSet(assets::FileTable::encode(std::move(files)), {contents.begin(), contents.end()});
  if (!set.ok()) return apiError(set.error());
  return *set;
}

}  // namespace

std::vector<std::vector<std::string>> bucketsOf(const std::vector<catalog::NamedAsset>& missing) {
  std::vector<std::vector<std::string>> buckets;
  uint64_t bytes = 0;
  for (const auto& file : missing) {
    if (buckets.empty() || bytes + file.size > kBucketBytesMax || buckets.back().size() >= kBucketFilesMax) {
      buckets.emplace_back();
      bytes = 0;
    }
    buckets.back().push_back(assets::textOf(file.hash));
    bytes += file.size;
  }
  return buckets;
}

ApiTry<catalog::AssetSession> openedBy(ApiContext& context, std::string_view account, std::string_view token,
                                       assets::SessionToken::Use use) {
  const auto says = assets::readUnverified(token);
  const auto nowSeconds = static_cast<int64_t>(context.parts.clock.wallMs() / 1000);
  if (!says || says->use != use || says->account != account || says->expiresSeconds <= nowSeconds)
    return authenticationFailed();
  auto session = context.catalog.assets().findSession(says->session);
  if (!session.ok()) {
    if (session.error().situation == catalog::Situation::kAssetSessionNotFound) return authenticationFailed();
    return apiError(session.error());
  }
  if (session->account != account || !assets::isSignedWith(token, session->key)) return authenticationFailed();
  return std::move(session).value();
}

std::string tokenFor(ApiContext& context, const catalog::AssetSession& session, assets::SessionToken::Use use) {
  assets::SessionToken token;
  token.session = session.id;
  token.account = session.account;
  token.use = use;
  token.expiresSeconds =
      std::min<int64_t>(session.expiresMs / 1000,
                        static_cast<int64_t>(context.parts.clock.wallMs() / 1000) + assets::Limits::kTokenLife.count());
  return assets::signToken(token, session.key);
}

ApiTry<AssetsGiven> readAssets(ApiContext& context, const std::string& account, const std::string& script,
                               const json::object& metadata, const std::optional<catalog::VersionAssets>& before) {
  AssetsGiven given;
  const auto* const keep = metadata.if_contains("keep_assets");
  if (keep != nullptr && !keep->is_null() && !keep->is_bool())
    return badBody("metadata.keep_assets must be true or false");
  const bool keeps = keep != nullptr && keep->is_bool() && keep->get_bool();
  const auto* const value = metadata.if_contains("assets");
  if (value == nullptr || value->is_null()) {
    if (keeps) given.assets = before;
    return given;
  }
  if (!value->is_object()) return wrongAssets(" must be an object");
  const auto& object = value->get_object();
  catalog::VersionAssets made;
  const auto* const config = object.if_contains("config");
  const bool hasConfig = config != nullptr && !config->is_null();
  if (hasConfig && !config->is_object()) return wrongAssets(".config must be an object");
  if (hasConfig) made.config = json::serialize(*config);
  else if (keeps && before) made.config = before->config;
  auto parsed = assets::SiteConfig::parse(made.config, given.problems);
  if (!parsed.ok()) return invalidScript(parsed.error().message);

  const auto* const token = object.if_contains("jwt");
  if (token == nullptr || token->is_null()) {
    if (!keeps || !before) return wrongAssets(".jwt is missing: it is what an upload session ends with");
    made.set = before->set;
  } else {
    if (!token->is_string()) return wrongAssets(".jwt must be a string");
    auto session = openedBy(context, account, token->get_string(), assets::SessionToken::Use::kVersion);
    if (!session.ok()) {
      return ApiError{
          400,
          10302,
          "The completion token in metadata.assets.jwt is not valid, or it has expired: upload the assets again.",
          {}};
    }
    if (session->script != script) {
      return ApiError{400, 10302, "The completion token in metadata.assets.jwt is of another Worker's upload.", {}};
    }
    if (!session->complete) {
      return ApiError{400, 10302, "Not all assets of the upload session have been uploaded.", {}};
    }
    auto set = setOf(context, std::move(session).value());
    if (!set.ok()) return set.error();
    made.set = *set;
  }
  given.assets = std::move(made);
  return given;
}

}  // namespace weir::control
