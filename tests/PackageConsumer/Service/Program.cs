using System.Buffers;
using Hakmem;

// A service as docs/aspnetcore.md has it, which answers one request of its own and ends.
WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.Logging.ClearProviders();
builder.AddHakmem();
builder.UseHakmemForKestrel();
WebApplication app = builder.Build();
app.Urls.Add("http://127.0.0.1:0");
app.MapGet("/", (MemoryPool<byte> pool) =>
{
    using IMemoryOwner<byte> owner = pool.Rent(64 * 1024);
    owner.Memory.Span.Fill(1);
    return "The package works.";
});

await app.StartAsync();
using HttpClient client = new();
Console.WriteLine(await client.GetStringAsync(app.Urls.Single()));
await app.StopAsync();
