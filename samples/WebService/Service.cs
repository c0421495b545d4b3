using System;
using System.IO;
using System.Linq;
using System.Threading;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Hakmem.WebService;

// The routes. Kestrel keeps its built-in pool; what the handlers need comes from the heap that is given.
//
//   GET  /            the dashboard            POST /upload           SHA-256 of the body
//   GET  /api/heap    its figures and map      POST /thumbnail        a PPM picture made smaller
//   GET  /api/process resident set, stacks     GET  /thumbnail        a generated picture made smaller
//   POST /api/load    starts the load          GET  /export           many rows of JSON
//   DELETE /api/load  ends it
//
// Each of the three takes ?way=managed, for comparison.
internal static class Service
{
    public const int MaxBodyBytes = 256 << 20;
    public const int MaxRows = 5_000_000;
    public const int MaxLoadSeconds = 3_600;

    private const string DefaultUrl = "http://127.0.0.1:5080";

    public static WebApplication Create(string[] args, HakmemAllocator heap)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(options => options.Limits.MaxRequestBodySize = MaxBodyBytes);
        builder.Services.AddSingleton(heap);
        builder.Services.AddHakmem();
        builder.Services.AddSingleton<Rentals>();
        builder.Services.AddSingleton<HeapWatch>();
        builder.Services.AddSingleton<RequestRegionSizes>();
        builder.Services.AddSingleton<LoadGenerator>();
        WebApplication app = builder.Build();
        if (string.IsNullOrEmpty(app.Configuration["urls"]))
        {
            app.Urls.Add(DefaultUrl);
        }

        // Before the first request: they see what happens from here on.
        app.Services.GetRequiredService<HeapWatch>();
        app.Services.GetRequiredService<RequestRegionSizes>();
        DashboardFiles.Map(app);
        MapWork(app);
        MapApi(app);
        return app;
    }

    private static void MapWork(WebApplication app)
    {
        app.MapPost("/upload", async (HttpRequest request, Rentals rentals, CancellationToken cancelled, string? way) =>
        {
            rentals.CountRequest();
            return IsManaged(way)
                ? await Uploads.HashManagedAsync(request.Body, cancelled)
                : await Uploads.HashAsync(request.Body, rentals, cancelled);
        });

        app.MapPost("/thumbnail", async (
            HttpContext context, Rentals rentals, CancellationToken cancelled, string? way, int width = 160) =>
        {
            (HttpRequest request, HttpResponse response) = (context.Request, context.Response);
            rentals.CountRequest();
            if (request.ContentLength is not (> 0 and <= MaxBodyBytes))
            {
                response.StatusCode = StatusCodes.Status411LengthRequired;
                return;
            }

            response.ContentType = "image/bmp";
            int length = (int)request.ContentLength.Value;
            try
            {
                await (IsManaged(way)
                    ? Thumbnails.ShrinkManagedAsync(request.Body, length, width, response.BodyWriter, cancelled)
                    : Thumbnails.ShrinkAsync(request.Body, length, width, rentals, context.GetMemoryRegion(),
                        response.BodyWriter, cancelled));
            }
            catch (InvalidDataException notAPicture)
            {
                response.StatusCode = StatusCodes.Status400BadRequest;
                response.ContentType = "text/plain";
                await response.WriteAsync(notAPicture.Message, cancelled);
            }
        });

        app.MapGet("/thumbnail", async (
            HttpContext context, Rentals rentals, CancellationToken cancelled, int size = 1024, int width = 160) =>
        {
            rentals.CountRequest();
            HttpResponse response = context.Response;
            response.ContentType = "image/bmp";
            Thumbnails.ShrinkGenerated(Math.Clamp(size, 16, PpmPicture.MaxSide), width, rentals,
                context.GetMemoryRegion(), response.BodyWriter);
            await response.BodyWriter.FlushAsync(cancelled);
        });

        app.MapGet("/export", async (HttpResponse response, Rentals rentals, CancellationToken cancelled, string? way, int rows = 100_000) =>
        {
            rentals.CountRequest();
            response.ContentType = "application/json";
            int count = Math.Clamp(rows, 0, MaxRows);
            await (IsManaged(way)
                ? Exports.WriteManagedAsync(response.Body, count, cancelled)
                : Exports.WriteAsync(response.Body, count, rentals, cancelled));
        });
    }

    private static void MapApi(WebApplication app)
    {
        app.MapGet(
            "/api/heap", (Rentals rentals, LoadGenerator load, RequestRegionSizes regions, HttpResponse response) =>
        {
            response.Headers.CacheControl = "no-store";
            return HeapReport.Take(rentals, load, regions);
        });

        app.MapGet("/api/process", (HeapWatch watch, HttpResponse response) =>
        {
            response.Headers.CacheControl = "no-store";
            return ProcessReport.Take(watch);
        });

        app.MapPost("/api/load", (LoadGenerator load, int seconds = 20, int workers = 2) =>
        {
            load.Start(new Uri(app.Urls.First()), TimeSpan.FromSeconds(Math.Clamp(seconds, 1, MaxLoadSeconds)), Math.Clamp(workers, 1, 16));
            return Results.Accepted();
        });

        app.MapDelete("/api/load", async (LoadGenerator load) =>
        {
            await load.StopAsync();
            return Results.NoContent();
        });

        app.MapPost("/api/trim", (Rentals rentals) =>
        {
            rentals.Heap.Trim();
            return Results.NoContent();
        });
    }

    private static bool IsManaged(string? way) => way == "managed";
}
