// The texts of a device package: connect.sh and README.txt.
// Thread: any.
#ifndef WR_ADMIN_DEVICE_TEXTS_H
#define WR_ADMIN_DEVICE_TEXTS_H

#include "engine/admin/device_package.h"

struct wr_device_file {
    struct wr_buf name, content; // without content it is not in the package
};

struct wr_device_files {
    struct wr_device_file certificate, private_key, root, config, connect, readme, manifest;
};

// The names of all files, and whether there is a private key, are known.
void wr_device_texts_connect(const struct wr_device_package *what, struct wr_device_files *files);
void wr_device_texts_readme(const struct wr_device_package *what, struct wr_device_files *files);

#endif
