/* The part of ESP-IDF's nvs.h that the example uses, over files: DIRECTORY/KEY has the bytes of an entry. */
#ifndef NVS_H
#define NVS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef int esp_err_t;
typedef int nvs_handle_t;
enum { ESP_OK, ESP_FAIL };
enum { NVS_READONLY };

#define ESP_ERROR_CHECK(call)                                        \
    do {                                                             \
        if ((call) != ESP_OK) {                                      \
            fprintf(stderr, "failed: %s\n", #call);                  \
            exit(2);                                                 \
        }                                                            \
    } while (0)

esp_err_t nvs_open(const char *name, int mode, nvs_handle_t *handle);
void nvs_close(nvs_handle_t handle);
esp_err_t nvs_get_u8(nvs_handle_t handle, const char *key, uint8_t *value);
esp_err_t nvs_get_u16(nvs_handle_t handle, const char *key, uint16_t *value);
esp_err_t nvs_get_str(nvs_handle_t handle, const char *key, char *value, size_t *size);
esp_err_t nvs_get_blob(nvs_handle_t handle, const char *key, void *value, size_t *size);

#endif
