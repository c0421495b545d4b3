using System;
using System.Buffers;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Hakmem.AspNetCore.Tests.Documentation;

// The code of docs/aspnetcore.md and of the package's README, word for word: DocumentationTests compares.
internal static class DocumentedService
{
    public static WebApplication Create(string[] args)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
        builder.AddHakmem();
        builder.UseHakmemForKestrel();
        builder.Logging.ClearProviders();
        WebApplication app = builder.Build();

        app.MapPost("/hash", async (HttpRequest request, MemoryPool<byte> pool) =>
        {
            using IMemoryOwner<byte> owner = pool.Rent(64 * 1024);
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            for (int read; (read = await request.Body.ReadAsync(owner.Memory)) > 0;)
            {
                hash.AppendData(owner.Memory.Span[..read]);
            }

            return Convert.ToHexString(hash.GetHashAndReset());
        });
        app.MapGet("/memory", (PinnedMemoryPool pool) => pool.GetStatistics());
        return app;
    }
}
