# A simulated deployment that answers at port 8000: docker run -p 8000:8000 oracle [serve SCENARIO.lua ...]
FROM debian:12-slim
COPY . /oracle
WORKDIR /oracle
RUN tools/setup.sh build && make build && make install && rm -rf build /var/lib/apt/lists/*
USER nobody
EXPOSE 8000
ENTRYPOINT ["oracle"]
CMD ["serve", "scenarios/quickstart.lua", "--host", "0.0.0.0"]
