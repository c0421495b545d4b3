using System;
using System.Globalization;
using System.Linq;
using System.Net.Http;

using Hakmem.BackPressure;

// A service at its memory limit: many downloads at once, with room for the buffers of a few. Where a handler calls
// Rent, it throws beyond the limit, and the download is cut short. Where it awaits RentAsync, downloads queue and all
// come whole. An argument says how many downloads, 60 by default.
bool isNumber = int.TryParse(args.FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out int count);
int downloads = Math.Clamp(isNumber ? count : 60, 1, 1_000);
Console.WriteLine(string.Create(
    CultureInfo.InvariantCulture,
    $"{downloads} downloads of {DownloadService.DownloadBytes >> 20} MiB at once, with room for " +
    $"{DownloadService.MaxBuffers} buffers of {DownloadService.BufferBytes >> 20} MiB"));
using HttpClient client = new();
foreach (bool waits in new[] { false, true })
{
    Outcome outcome = await Outcome.OfAsync(downloads, waits, client);
    Console.WriteLine(outcome);
}
