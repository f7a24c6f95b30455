// SqliteAssets: the AssetStore of a SqliteCatalog, in the same file: one backup has both, and what a version names is
// there in every state that a crash can leave.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "catalog/asset_store.h"
#include "catalog/audit_trail.h"
#include "store/connection.h"

namespace weir::catalog {

class SqliteAssets final : public AssetStore {
 public:
  // All borrowed; they outlive this.
  SqliteAssets(store::Connection& db, const base::Clock& clock, base::Random& random, AuditTrail& trail)
      : db_(db), clock_(clock), random_(random), trail_(trail) {}

  Result<Opened> openSession(const NewAssetSession& session) override;
  Result<AssetSession> findSession(std::string_view id) override;
  Result<bool> addAssets(std::string_view session, const std::vector<UploadedAsset>& assets) override;
  Result<std::vector<StoredAsset>> findAssets(std::string_view account, const std::vector<AssetHash>& hashes) override;
  Result<uint64_t> addSet(const Bytes& files, const std::vector<uint64_t>& contents) override;
  Result<Bytes> set(uint64_t number) override;
  Result<std::optional<VersionAssets>> assetsOf(uint64_t version) override;
  Result<Bytes> piece(uint64_t content, uint32_t number) override;
  Result<bool> collect() override;
  Result<Figures> figures() override;

 private:
  template <class Work>
  auto change(Work&& work) -> decltype(work());
  UnixMs nowMs() const { return static_cast<UnixMs>(clock_.wallMs()); }
  Result<uint64_t> storeContent(store::BlobView content);
  Status askFor(int64_t session, const NewAssetSession& wanted, std::vector<NamedAsset>& missing);
  Status mayKeep(const std::string& account, uint64_t bytesMore);

  store::Connection& db_;
  const base::Clock& clock_;
  base::Random& random_;
  AuditTrail& trail_;
};

}  // namespace weir::catalog
