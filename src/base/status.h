/*
** status.h - how a request ended and where: the words of the layers that send requests, serve them
** and record them.
*/
#ifndef ORC_BASE_STATUS_H
#define ORC_BASE_STATUS_H

#include <stdint.h>

#define ORC_NO_REPLICA UINT16_MAX /* where a replica's index is expected: none */

typedef enum orc_status {
  ORC_PENDING,
  ORC_SUCCESS,
  ORC_FAILED,
  ORC_REJECTED,
  ORC_TIMEOUT,
  ORC_CANCELLED,
  ORC_STATUSES /* how many there are */
} orc_status;

const char *orc_status_name(orc_status s); /* as in the CSV: "PENDING", "SUCCESS", ... */

#endif
